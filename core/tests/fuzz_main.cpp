// SPDX-License-Identifier: GPL-2.0-or-later
/// Runs a fuzz target on seeded random mutations: fuzz_NAME [EXECUTIONS [SEED [CORPUS [SAVE]]]]. Every file
/// of the folder CORPUS is run first. Inputs that take new branches (where these are watched) or are accepted
/// are mutated further; those that took new branches are written to the folder SAVE. A single request for
/// memory that the input does not justify ends the program. An input that ends it is left in the file
/// crash-fuzz_NAME.
#include "fuzz.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>

// NOLINTNEXTLINE(bugprone-reserved-identifier): the name is the compiler's
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

constexpr std::size_t largest_input = 1 << 14;
constexpr std::size_t pool_size = 400;
constexpr std::size_t bytes_for_nothing = 1 << 17;    ///< that any input may take
constexpr std::size_t bytes_per_byte = 128;           ///< and for each byte of its own

std::size_t allowed_request = ~std::size_t(0);

void *allocate(std::size_t n)
{
  if (n > allowed_request) {
    allowed_request = ~std::size_t(0);
    std::fprintf(stderr, "fuzz: violated: %zu bytes asked for at once\n", n);
    std::abort();
  }
  void *const memory = std::malloc(n > 0 ? n : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed)
      : random_(seed), words_(fuzz::words()), pool_(fuzz::corpus()), accepted_(pool_)
  {}

  std::size_t pool_size_now() const { return pool_.size(); }
  const std::string &sound(std::size_t i) const { return pool_[i]; }

  std::string next()
  {
    const std::vector<std::string> &from = below(2) == 0 ? accepted_ : pool_;
    std::string input = from[below(from.size())];
    for (std::size_t n = 1 + below(1 + below(4)); n > 0; --n) mutate(input);
    if (input.size() > largest_input) input.resize(largest_input);
    return input;
  }

  void keep(const std::string &input, bool is_accepted)
  {
    put(input, pool_);
    if (is_accepted) put(input, accepted_);
  }

 private:
  void put(const std::string &input, std::vector<std::string> &pool)
  {
    if (fuzz::edges_are_watched() || pool.size() < pool_size)
      pool.push_back(input);
    else
      pool[pool_size / 4 + below(pool_size - pool_size / 4)] = input;
  }

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void mutate(std::string &input)
  {
    const std::size_t at = below(input.size() + 1);
    const std::size_t length = std::min(input.size() - at, std::size_t(1) + below(below(8) == 0 ? 200 : 12));
    switch (below(9)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
      break;
    case 1:
      if (at < input.size()) input[at] = static_cast<char>(below(256));
      break;
    case 2: input.insert(at, 1 + below(9), static_cast<char>(below(256))); break;
    case 3: input.erase(at, length); break;
    case 4: input.insert(below(input.size() + 1), input.substr(at, length)); break;
    case 5: {
      const std::string &other = pool_[below(pool_.size())];
      input.replace(at, length, other, below(other.size() + 1), 1 + below(100));
      break;
    }
    case 6:
      if (!words_.empty()) input.replace(at, below(2) * length, words_[below(words_.size())]);
      break;
    case 7: put_number(input); break;
    default: input.resize(at); break;
    }
  }

  /// One of the numbers at which arithmetic goes wrong, in place of an aligned 8-byte word.
  void put_number(std::string &input)
  {
    if (input.size() < 8) return;
    const std::size_t at = 8 * below(input.size() / 8);
    static constexpr std::uint64_t odd[] = {0,
                                            1,
                                            2,
                                            3,
                                            ~0ull,
                                            ~0ull >> 1,
                                            1ull << 63,
                                            1ull << 61,
                                            (1ull << 61) + 1,
                                            1ull << 32,
                                            (1ull << 32) - 1,
                                            1ull << 31,
                                            (1ull << 31) - 1,
                                            0x5555555555555556ull,
                                            0x7ff0000000000000ull,
                                            0x7ff8000000000000ull};
    std::uint64_t value = odd[below(std::size(odd))];
    if (below(3) == 0) value = below(2 * input.size());
    std::memcpy(&input[at], &value, 8);
  }

  std::mt19937_64 random_;
  std::vector<std::string> words_, pool_, accepted_;    ///< pool_: accepted or not
};

std::string crash_file;
const std::string *running = nullptr;

void save_running()
{
  if (running == nullptr) return;
  allowed_request = ~std::size_t(0);
  std::ofstream(crash_file, std::ios::binary) << *running;
  std::fprintf(stderr, "fuzz: the input is in %s\n", crash_file.c_str());
  running = nullptr;
}

void watch_for_the_end(const char *program)
{
  crash_file = "crash-" + std::filesystem::path(program).filename().string();
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(save_running);
  std::signal(SIGABRT, [](int) {
    save_running();
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
  });
}

/// The files of a folder, by name.
std::vector<std::string> files_of(const std::string &folder)
{
  std::vector<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> contents;
  for (const auto &path : paths) {
    std::ifstream file(path, std::ios::binary);
    contents.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return contents;
}

/// A copy of exactly its size on the heap: reading past its end is noticed.
bool accepts(const std::string &input)
{
  running = &input;
  std::vector<std::uint8_t> exact(input.begin(), input.end());
  allowed_request = bytes_for_nothing + bytes_per_byte * exact.size();
  const int answer = LLVMFuzzerTestOneInput(exact.data(), exact.size());
  allowed_request = ~std::size_t(0);
  running = nullptr;
  return answer == 0;
}

}    // namespace

void *operator new(std::size_t n) { return allocate(n); }
void *operator new[](std::size_t n) { return allocate(n); }
void *operator new(std::size_t n, const std::nothrow_t &) noexcept { return allocate(n); }
void *operator new[](std::size_t n, const std::nothrow_t &) noexcept { return allocate(n); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }

int main(int argc, char **argv)
{
  const unsigned long executions = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 3000;
  const unsigned long seed = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1;
  const std::string corpus = argc > 3 ? argv[3] : "", save_to = argc > 4 ? argv[4] : "";
  std::printf("%s %lu %lu: ", argv[0], executions, seed);
  std::fflush(stdout);
  watch_for_the_end(argv[0]);
  const auto start = std::chrono::steady_clock::now();
  Mutator mutator(seed);
  for (std::size_t i = 0; i < mutator.pool_size_now(); ++i)
    fuzz::require(accepts(mutator.sound(i)), "the corpus is accepted, not so:", mutator.sound(i));
  if (!corpus.empty() && std::filesystem::is_directory(corpus))
    for (const std::string &input : files_of(corpus)) {
      const bool is_accepted = accepts(input);
      mutator.keep(input, is_accepted);
    }
  fuzz::took_new_edges();
  unsigned long accepted = 0, fresh = 0;
  for (unsigned long i = 0; i < executions; ++i) {
    const std::string input = mutator.next();
    const bool is_accepted = accepts(input), is_new = fuzz::took_new_edges();
    accepted += is_accepted;
    if (is_new && !save_to.empty())
      std::ofstream(std::filesystem::path(save_to) / std::to_string(fresh), std::ios::binary) << input;
    fresh += is_new;
    if (is_new || (is_accepted && !fuzz::edges_are_watched() && input.size() >= 16))
      mutator.keep(input, is_accepted);
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  std::printf("%lu accepted, %lu refused, %lu took new branches, %.1f s\n", accepted, executions - accepted,
              fresh, spent.count());
  return 0;
}
