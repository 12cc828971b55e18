// SPDX-License-Identifier: GPL-2.0-or-later
#include "input_nn.h"

#include "edit_distance.h"
#include "input_error.h"
#include "text_lines.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <tuple>

namespace mdsieve {

namespace {

constexpr double bohr_in_angstrom = 0.529177210903;    // CODATA 2018

// Bounds on what a file may ask for: far above any real use, small enough to keep memory in hand.
constexpr std::size_t max_text_bytes = std::size_t(16) << 20;
constexpr std::size_t max_functions = 20000;
constexpr std::size_t max_weighted_pair_work = 2000000;    // type 13 functions times element pairs
constexpr double max_cutoff = 1000.0;                      // Angstrom
constexpr double max_zeta = 1.0e4;

constexpr const char *known_types = "2 3 9 12 13 aev_radial aev_angular";

constexpr std::array<std::string_view, 118> element_symbols = {
    "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al", "Si", "P",  "S",  "Cl",
    "Ar", "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
    "Br", "Kr", "Rb", "Sr", "Y",  "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb",
    "Te", "I",  "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er",
    "Tm", "Yb", "Lu", "Hf", "Ta", "W",  "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At",
    "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",  "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No",
    "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og"};

// The words that mean something here.
constexpr std::array<std::string_view, 8> own_words = {"number_of_elements", "elements",    "cutoff_type",
                                                       "symfunction_short",  "symfunction", "length_unit",
                                                       "energy_unit",        "eta_unit"};

// n2p2's other words: networks, scaling and training. They do not touch the fingerprint.
constexpr std::string_view passed_over[] = {"atom_energy",
                                            "scale_symmetry_functions",
                                            "scale_min_short",
                                            "scale_max_short",
                                            "center_symmetry_functions",
                                            "scale_symmetry_functions_sigma",
                                            "global_hidden_layers_short",
                                            "global_hidden_layers_electrostatic",
                                            "global_nodes_short",
                                            "global_nodes_electrostatic",
                                            "global_activation_short",
                                            "global_activation_electrostatic",
                                            "element_hidden_layers_short",
                                            "element_hidden_layers_electrostatic",
                                            "element_nodes_short",
                                            "element_nodes_electrostatic",
                                            "element_activation_short",
                                            "element_activation_electrostatic",
                                            "normalize_nodes",
                                            "mean_energy",
                                            "conv_length",
                                            "conv_energy",
                                            "conv_charge",
                                            "nnp_type",
                                            "nnp_generation",
                                            "nnp_type_gen",
                                            "nnp_gen",
                                            "fixed_gausswidth",
                                            "ewald_truncation_error_method",
                                            "ewald_prec",
                                            "screen_electrostatics",
                                            "four_pi_epsilon",
                                            "random_seed",
                                            "test_fraction",
                                            "epochs",
                                            "normalize_data_set",
                                            "use_short_forces",
                                            "rmse_threshold",
                                            "rmse_threshold_energy",
                                            "short_energy_error_threshold",
                                            "rmse_threshold_force",
                                            "short_force_error_threshold",
                                            "rmse_threshold_charge",
                                            "rmse_threshold_trials",
                                            "rmse_threshold_trials_energy",
                                            "rmse_threshold_trials_force",
                                            "rmse_threshold_trials_charge",
                                            "energy_fraction",
                                            "short_energy_fraction",
                                            "force_fraction",
                                            "short_force_fraction",
                                            "force_energy_ratio",
                                            "charge_fraction",
                                            "use_old_weights_short",
                                            "use_old_weights_charge",
                                            "weights_min",
                                            "weights_max",
                                            "initial_hardness",
                                            "nguyen_widrow_weights_short",
                                            "nguyen_widrow_weights_charge",
                                            "precondition_weights",
                                            "main_error_metric",
                                            "write_trainpoints",
                                            "write_trainforces",
                                            "write_traincharges",
                                            "write_weights_epoch",
                                            "write_neuronstats",
                                            "write_trainlog",
                                            "repeated_energy_update",
                                            "updater_type",
                                            "parallel_mode",
                                            "jacobian_mode",
                                            "update_strategy",
                                            "selection_mode",
                                            "selection_mode_energy",
                                            "selection_mode_force",
                                            "selection_mode_charge",
                                            "task_batch_size_energy",
                                            "task_batch_size_force",
                                            "task_batch_size_charge",
                                            "gradient_type",
                                            "gradient_eta",
                                            "gradient_adam_eta",
                                            "gradient_adam_beta1",
                                            "gradient_adam_beta2",
                                            "gradient_adam_epsilon",
                                            "kalman_type",
                                            "kalman_epsilon",
                                            "kalman_eta",
                                            "kalman_etatau",
                                            "kalman_etamax",
                                            "kalman_q0",
                                            "kalman_qtau",
                                            "kalman_qmin",
                                            "kalman_lambda_short",
                                            "kalman_nue_short",
                                            "memorize_symfunc_results",
                                            "force_weight"};

std::string_view nearest_known_word(std::string_view word)
{
  std::string_view best = own_words[0];
  std::size_t best_distance = std::size_t(-1);
  const auto consider = [&](std::string_view candidate) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  };
  for (auto candidate : own_words) consider(candidate);
  for (auto candidate : passed_over) consider(candidate);
  return best;
}

std::string symbol_list(const std::vector<std::string> &symbols)
{
  std::string s;
  for (const auto &symbol : symbols) s += (s.empty() ? "" : " ") + symbol;
  return s;
}

enum class EtaUnit { inverse_length_squared, inverse_cutoff_squared };

/// Reads one file. Symmetry functions are read last, when elements and units are known.
class Parser {
 public:
  Parser(std::string_view text, const std::string &name, LengthUnit unit)
      : text_(text), name_(name), unit_(unit)
  {}

  Descriptor parse()
  {
    if (text_.size() > max_text_bytes)
      throw InputError(name_ + ": " + std::to_string(text_.size()) + " bytes, expected at most " +
                       std::to_string(max_text_bytes));
    read_lines();
    if (elements_line_ == 0) throw InputError(name_ + ": no 'elements' line, expected e.g. 'elements Ni Al'");
    if (number_line_ != 0 && number_of_elements_ != long(result_.elements.size()))
      fail(number_line_, "number_of_elements is " + std::to_string(number_of_elements_) + ", but line " +
                             std::to_string(elements_line_) + " lists " +
                             std::to_string(result_.elements.size()) + " elements");
    if (cutoff_line_ == 0)
      throw InputError(name_ + ": no 'cutoff_type' line, expected e.g. 'cutoff_type 1' (types 0 to 8)");
    if (function_lines_.empty())
      throw InputError(name_ + ": no symmetry function, expected at least one 'symfunction_short' line");
    for (const auto &[line, words] : function_lines_) read_function(line, words);
    refuse_duplicates();
    bound_weighted_work();
    result_.text = std::string(text_);
    return std::move(result_);
  }

 private:
  using Words = std::vector<std::string_view>;

  [[noreturn]] void fail(int line, const std::string &what) const
  { throw InputError(name_ + ":" + std::to_string(line) + ": " + what); }

  void read_lines()
  {
    for_each_line(text_, "#!", [this](int line, const Words &words) { read_line(line, words); });
  }

  void read_line(int line, const Words &words)
  {
    const std::string_view word = words[0];
    if (word == "symfunction_short" || word == "symfunction") {
      if (function_lines_.size() == max_functions)
        fail(line, "more than " + std::to_string(max_functions) + " symmetry functions");
      function_lines_.emplace_back(line, words);
    } else if (word == "elements") {
      read_elements(line, words);
    } else if (word == "number_of_elements") {
      only_once(line, word, number_line_);
      expect_count(line, words, 1, 1, "number_of_elements N");
      number_of_elements_ = integer(line, words[1], "number_of_elements");
    } else if (word == "cutoff_type") {
      read_cutoff_type(line, words);
    } else if (word == "length_unit") {
      only_once(line, word, unit_line_);
      expect_count(line, words, 1, 1, "length_unit angstrom|bohr");
      if (words[1] == "angstrom")
        unit_ = LengthUnit::angstrom;
      else if (words[1] == "bohr")
        unit_ = LengthUnit::bohr;
      else
        fail(line, "length_unit " + shown(words[1]) + ", expected angstrom or bohr");
    } else if (word == "energy_unit") {    // what a network's energies are in; no fingerprint depends on it
      only_once(line, word, energy_unit_line_);
      expect_count(line, words, 1, 1, "energy_unit eV|hartree");
      if (words[1] != "eV" && words[1] != "hartree")
        fail(line, "energy_unit " + shown(words[1]) + ", expected eV or hartree");
    } else if (word == "eta_unit") {
      only_once(line, word, eta_unit_line_);
      expect_count(line, words, 1, 1, "eta_unit inverse_length_squared|inverse_cutoff_squared");
      if (words[1] == "inverse_length_squared")
        eta_unit_ = EtaUnit::inverse_length_squared;
      else if (words[1] == "inverse_cutoff_squared")
        eta_unit_ = EtaUnit::inverse_cutoff_squared;
      else
        fail(line,
             "eta_unit " + shown(words[1]) + ", expected inverse_length_squared or inverse_cutoff_squared");
    } else if (std::find(std::begin(passed_over), std::end(passed_over), word) == std::end(passed_over)) {
      fail(line, "unknown word " + shown(word) + ", the nearest known word is '" +
                     std::string(nearest_known_word(word.substr(0, 64))) + "'");
    }
  }

  void only_once(int line, std::string_view word, int &first_line)
  {
    if (first_line != 0)
      fail(line, "second '" + std::string(word) + "' line, the first is line " + std::to_string(first_line));
    first_line = line;
  }

  void expect_count(int line, const Words &words, std::size_t least, std::size_t most,
                    const std::string &form) const
  {
    const std::size_t n = words.size() - 1;
    if (n >= least && n <= most) return;
    std::string expected = std::to_string(least);
    if (most != least) expected += (most == least + 1 ? " or " : " to ") + std::to_string(most);
    fail(line, std::to_string(n) + (n == 1 ? " value" : " values") + " after " + shown(words[0]) +
                   ", expected " + expected + ": " + form);
  }

  double number(int line, std::string_view word, const std::string &what) const
  {
    const double value = number_of(word);
    if (std::isnan(value)) fail(line, what + " is " + shown(word) + ", expected a finite number");
    return value;
  }

  long integer(int line, std::string_view word, const std::string &what) const
  {
    long value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size())
      fail(line, what + " is " + shown(word) + ", expected an integer");
    return value;
  }

  void read_elements(int line, const Words &words)
  {
    only_once(line, "elements", elements_line_);
    if (words.size() < 2) fail(line, "'elements' without a symbol, expected e.g. 'elements Ni Al'");
    for (std::size_t i = 1; i < words.size(); i++) {
      const int z = atomic_number(words[i]);
      if (z == 0)
        fail(line, "unknown element " + shown(words[i]) + ", expected a chemical symbol such as Ni");
      auto &numbers = result_.atomic_numbers;
      if (std::find(numbers.begin(), numbers.end(), z) != numbers.end())
        fail(line, "element " + shown(words[i]) + " is listed twice");
      numbers.push_back(z);
    }
    std::sort(result_.atomic_numbers.begin(), result_.atomic_numbers.end());
    for (int z : result_.atomic_numbers) result_.elements.emplace_back(element_symbols[std::size_t(z) - 1]);
  }

  void read_cutoff_type(int line, const Words &words)
  {
    only_once(line, "cutoff_type", cutoff_line_);
    expect_count(line, words, 1, 2, "cutoff_type N [alpha]");
    const long type = integer(line, words[1], "cutoff_type");
    if (type < 0 || type > 8) fail(line, "cutoff_type " + shown(words[1]) + ", known: 0 1 2 3 4 5 6 7 8");
    result_.cutoff_type = CutoffType(int(type));
    if (words.size() > 2) {
      const double alpha = number(line, words[2], "alpha of cutoff_type");
      if (alpha < 0.0 || alpha >= 1.0)
        fail(line, "alpha of cutoff_type is " + shown(words[2]) + ", expected 0 <= alpha < 1");
      result_.cutoff_alpha = alpha;
    }
  }

  int element(int line, std::string_view symbol, const char *what) const
  {
    const int index = result_.element_index(symbol);
    if (index < 0)
      fail(line, std::string(what) + " " + shown(symbol) + " is not in line " +
                     std::to_string(elements_line_) + ", elements: " + symbol_list(result_.elements));
    return index;
  }

  void read_function(int line, const Words &words)
  {
    const std::string form_2 = "symfunction_short Ec 2 En eta r_s r_c";
    if (words.size() < 3) expect_count(line, words, 6, 6, form_2);
    SymmetryFunction f;
    f.line = line;
    f.central = element(line, words[1], "central element");
    f.type = function_type(line, words[2]);

    switch (f.type) {
    case 2:
      expect_count(line, words, 6, 6, form_2);
      f.first = element(line, words[3], "neighbour element");
      read_radial(f, words, 4);
      break;
    case 3:
    case 9: read_angular(f, words); break;
    case 12:
      expect_count(line, words, 5, 5, "symfunction_short Ec 12 eta r_s r_c");
      read_radial(f, words, 3);
      break;
    case 13:
      expect_count(line, words, 7, 7, "symfunction_short Ec 13 eta r_s lambda zeta r_c");
      f.eta = number(line, words[3], "eta");
      f.r_shift = number(line, words[4], "r_s");
      f.lambda = number(line, words[5], "lambda");
      f.zeta = number(line, words[6], "zeta");
      f.r_cutoff = number(line, words[7], "r_c");
      break;
    case aev_radial_type:
      expect_count(line, words, 6, 6, "symfunction_short Ec aev_radial En eta r_s r_c");
      f.first = element(line, words[3], "neighbour element");
      read_radial(f, words, 4);
      break;
    case aev_angular_type: read_aev_angular(f, words); break;
    default: fail(line, "symmetry function type " + shown(words[2]) + ", known: " + known_types);
    }
    check_and_convert(f);
    result_.functions.push_back(f);
  }

  int function_type(int line, std::string_view word) const
  {
    if (word == "aev_radial") return aev_radial_type;
    if (word == "aev_angular") return aev_angular_type;
    if (std::isalpha(static_cast<unsigned char>(word[0])))
      fail(line, "type of the symmetry function is " + shown(word) +
                     ", expected an integer, aev_radial or aev_angular");
    const long type = integer(line, word, "type of the symmetry function");
    if (type >= 20 && type <= 25)
      fail(line, "symmetry function type " + std::to_string(type) +
                     " (compact support) is not supported, known: " + known_types);
    return type >= 0 && type < 100 ? int(type) : -1;
  }

  void read_radial(SymmetryFunction &f, const Words &words, std::size_t at) const
  {
    f.eta = number(f.line, words[at], "eta");
    f.r_shift = number(f.line, words[at + 1], "r_s");
    f.r_cutoff = number(f.line, words[at + 2], "r_c");
  }

  void read_angular(SymmetryFunction &f, Words words) const
  {
    const std::string form = "symfunction_short Ec " + std::to_string(f.type) +
                             " En1 En2 eta lambda zeta r_c [r_s] [theta_s VALUE]";
    const auto theta = std::find(words.begin(), words.end(), "theta_s");
    if (theta != words.end()) {
      if (words.end() - theta != 2)
        fail(f.line, "expected one value after 'theta_s', at the end of the line: " + form);
      f.theta_shift = angle(f.line, theta[1]);
      words.erase(theta, words.end());
    }
    expect_count(f.line, words, 8, 9, form);
    read_pair(f, words);
    f.eta = number(f.line, words[5], "eta");
    f.lambda = number(f.line, words[6], "lambda");
    f.zeta = number(f.line, words[7], "zeta");
    f.r_cutoff = number(f.line, words[8], "r_c");
    if (words.size() > 9) f.r_shift = number(f.line, words[9], "r_s");
  }

  void read_aev_angular(SymmetryFunction &f, const Words &words) const
  {
    expect_count(f.line, words, 9, 9, "symfunction_short Ec aev_angular En1 En2 eta zeta theta_s r_s r_c");
    read_pair(f, words);
    f.eta = number(f.line, words[5], "eta");
    f.zeta = number(f.line, words[6], "zeta");
    f.theta_shift = angle(f.line, words[7]);
    f.r_shift = number(f.line, words[8], "r_s");
    f.r_cutoff = number(f.line, words[9], "r_c");
  }

  /// The two neighbour elements of an angular function, in order.
  void read_pair(SymmetryFunction &f, const Words &words) const
  {
    f.first = element(f.line, words[3], "first neighbour element");
    f.second = element(f.line, words[4], "second neighbour element");
    if (f.first > f.second) std::swap(f.first, f.second);
  }

  double angle(int line, std::string_view word) const
  {
    const double value = number(line, word, "theta_s");
    if (std::fabs(value) > 2.0 * M_PI)
      fail(line, "theta_s is " + shown(word) + ", expected an angle in radian");
    return value;
  }

  void check_and_convert(SymmetryFunction &f) const
  {
    const auto text = [](double value) {
      char buffer[40];
      std::snprintf(buffer, sizeof buffer, "%.12g", value);
      return std::string(buffer);
    };
    if (f.eta < 0.0) fail(f.line, "eta is " + text(f.eta) + ", expected eta >= 0");
    if (!(f.r_cutoff > 0.0)) fail(f.line, "r_c is " + text(f.r_cutoff) + ", expected r_c > 0");
    if (f.r_shift < 0.0) fail(f.line, "r_s is " + text(f.r_shift) + ", expected r_s >= 0");
    const bool has_lambda = f.type == 3 || f.type == 9 || f.type == 13;
    if (has_lambda && f.lambda != 1.0 && f.lambda != -1.0)
      fail(f.line, "lambda is " + text(f.lambda) + ", expected 1 or -1");
    if ((has_lambda || f.type == aev_angular_type) && (!(f.zeta > 0.0) || f.zeta > max_zeta))
      fail(f.line, "zeta is " + text(f.zeta) + ", expected 0 < zeta <= " + text(max_zeta));

    const double length = unit_ == LengthUnit::bohr ? bohr_in_angstrom : 1.0;
    f.r_cutoff *= length;
    f.r_shift *= length;
    f.eta /= eta_unit_ == EtaUnit::inverse_cutoff_squared ? f.r_cutoff * f.r_cutoff : length * length;
    if (f.r_cutoff > max_cutoff)
      fail(f.line, "r_c is " + text(f.r_cutoff) + " Angstrom, expected at most " + text(max_cutoff));
    if (f.r_cutoff < 1e-3) fail(f.line, "r_c is " + text(f.r_cutoff) + " Angstrom, expected at least 0.001");
    if (f.r_shift > max_cutoff)
      fail(f.line, "r_s is " + text(f.r_shift) + " Angstrom, expected at most " + text(max_cutoff));
    if (f.eta > 1e8) fail(f.line, "eta is " + text(f.eta) + " 1/Angstrom^2, expected at most 1e8");
  }

  void refuse_duplicates() const
  {
    const auto key = [](const SymmetryFunction &f) {
      return std::make_tuple(f.type, f.central, f.first, f.second, f.eta, f.r_shift, f.lambda, f.zeta,
                             f.theta_shift, f.r_cutoff);
    };
    std::vector<const SymmetryFunction *> sorted;
    for (const auto &f : result_.functions) sorted.push_back(&f);
    std::stable_sort(sorted.begin(), sorted.end(), [&](auto a, auto b) { return key(*a) < key(*b); });
    const SymmetryFunction *worst = nullptr, *same = nullptr;
    for (std::size_t i = 1; i < sorted.size(); i++) {
      if (key(*sorted[i - 1]) != key(*sorted[i])) continue;
      if (worst == nullptr || sorted[i]->line < worst->line) {
        worst = sorted[i];
        same = sorted[i - 1];
      }
    }
    if (worst != nullptr)
      fail(worst->line, "the same symmetry function as in line " + std::to_string(same->line) +
                            ", expected each only once");
  }

  void bound_weighted_work() const
  {
    const std::size_t n = result_.elements.size();
    std::size_t work = 0;
    for (const auto &f : result_.functions) {
      if (f.type == 13) work += n * (n + 1) / 2;
      if (work > max_weighted_pair_work)
        fail(f.line, "too many symmetry functions of type 13 for " + std::to_string(n) + " elements");
    }
  }

  std::string_view text_;
  std::string name_;
  LengthUnit unit_;
  EtaUnit eta_unit_ = EtaUnit::inverse_length_squared;
  Descriptor result_;
  std::vector<std::pair<int, Words>> function_lines_;
  long number_of_elements_ = 0;
  int elements_line_ = 0, number_line_ = 0, cutoff_line_ = 0, unit_line_ = 0, eta_unit_line_ = 0,
      energy_unit_line_ = 0;
};

/// FNV-1a, 64 bit.
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t state)
{
  for (char c : bytes) {
    state ^= static_cast<unsigned char>(c);
    state *= 0x100000001b3ull;
  }
  return state;
}

}    // namespace

int atomic_number(std::string_view symbol)
{
  const auto at = std::find(element_symbols.begin(), element_symbols.end(), symbol);
  return at == element_symbols.end() ? 0 : int(at - element_symbols.begin()) + 1;
}

Descriptor parse_input_nn(std::string_view text, const std::string &name, LengthUnit unit)
{ return Parser(text, name, unit).parse(); }

std::vector<int> Descriptor::columns(int element) const
{
  std::vector<int> indices;
  for (std::size_t i = 0; i < functions.size(); i++)
    if (functions[i].central == element) indices.push_back(int(i));
  return indices;
}

std::vector<int> Descriptor::n2p2_order(int element) const
{
  const std::vector<int> indices = columns(element);
  std::vector<int> sorted(indices.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  // The cutoff function is the same for all of them, so the order is that of the remaining parameters.
  const auto key = [&](int column) {
    const SymmetryFunction &f = functions[std::size_t(indices[std::size_t(column)])];
    return std::make_tuple(f.type, f.r_cutoff, f.eta, f.r_shift, f.zeta, f.lambda, f.first, f.second,
                           f.theta_shift, f.line);
  };
  std::sort(sorted.begin(), sorted.end(), [&](int a, int b) { return key(a) < key(b); });
  std::vector<int> rank(indices.size());
  for (std::size_t i = 0; i < sorted.size(); i++) rank[std::size_t(sorted[i])] = int(i);
  return rank;
}

int Descriptor::element_index(std::string_view symbol) const
{
  const auto at = std::find(elements.begin(), elements.end(), symbol);
  return at == elements.end() ? -1 : int(at - elements.begin());
}

std::string Descriptor::hash() const
{
  const bool has_inner_radius = cutoff_type != CutoffType::hard && cutoff_type != CutoffType::tanh_unit &&
                                cutoff_type != CutoffType::tanh_norm;
  std::string canonical = "mdsieve-descriptor-1";
  const auto append = [&](double value) {    // shortest text that reads back exactly, in any locale
    char digits[32];
    canonical += ' ';
    canonical.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  };
  for (int z : atomic_numbers) append(z);
  canonical += '|';
  append(int(cutoff_type));
  append(has_inner_radius ? cutoff_alpha : 0.0);
  for (const auto &f : functions) {
    canonical += '|';
    for (int i : {f.type, f.central, f.first, f.second}) append(i);
    for (double v : {f.eta, f.r_shift, f.lambda, f.zeta, f.theta_shift, f.r_cutoff}) append(v);
  }
  const std::uint64_t high = fnv1a(canonical, 0xcbf29ce484222325ull);
  const std::uint64_t low = fnv1a(canonical, high ^ 0x9e3779b97f4a7c15ull);
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%016llx%016llx", static_cast<unsigned long long>(high),
                static_cast<unsigned long long>(low));
  return buffer;
}

}    // namespace mdsieve
