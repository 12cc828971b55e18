// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

/// A test is a function between TEST(name) braces; CHECK notes a failure and goes on. End the file with
/// TEST_MAIN.

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace check {

struct Test {
  const char *name;
  void (*run)();
};
inline std::vector<Test> &tests()
{
  static std::vector<Test> all;
  return all;
}
inline int &failures()
{
  static int n = 0;
  return n;
}
struct Registration {
  Registration(const char *name, void (*run)()) { tests().push_back({name, run}); }
};
inline void fail(const char *file, int line, const std::string &what)
{
  if (++failures() <= 40) std::printf("%s:%d: %s\n", file, line, what.c_str());
}
inline bool close(double a, double b, double relative, double absolute)
{ return std::fabs(a - b) <= absolute + relative * std::fabs(b); }
inline std::string pair(double a, double b)
{
  char text[96];
  std::snprintf(text, sizeof text, "%.17g against %.17g (difference %.3g)", a, b, a - b);
  return text;
}
inline int run_all()
{
  for (const Test &test : tests()) {
    const int before = failures();
    test.run();
    std::printf("%-6s %s\n", failures() == before ? "ok" : "FAILED", test.name);
  }
  return failures() == 0 && !tests().empty() ? 0 : 1;
}

}    // namespace check

#define TEST(name)                                                                                           \
  static void test_##name();                                                                                 \
  static const check::Registration registration_##name(#name, test_##name);                                  \
  static void test_##name()
#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition);                                           \
  } while (0)
#define CHECK_CLOSE(a, b, relative, absolute)                                                                \
  do {                                                                                                       \
    const double check_a = (a), check_b = (b);                                                               \
    if (!check::close(check_a, check_b, relative, absolute))                                                 \
      check::fail(__FILE__, __LINE__, std::string(#a ": ") + check::pair(check_a, check_b));                 \
  } while (0)
#define TEST_MAIN                                                                                            \
  int main() { return check::run_all(); }
