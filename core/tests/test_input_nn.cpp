// SPDX-License-Identifier: GPL-2.0-or-later
#include "check.h"
#include "input_error.h"
#include "input_nn.h"

using namespace mdsieve;

namespace {

std::string error_of(const std::string &text)
{
  try {
    parse_input_nn(text, "f.nn");
  } catch (const InputError &e) {
    return e.what();
  }
  return "(none)";
}

const std::string head = "elements Ni Al\ncutoff_type 1\n";
const std::string g2 = "symfunction_short Ni 2 Al 0.1 0.5 6.0\n";

}    // namespace

TEST(a_file_in_the_wild)
{
  const auto d =
      parse_input_nn("# comment\r\n\n  number_of_elements\t2 ! two\nelements O H # order does not matter\n"
                     "cutoff_type 6 0.25\nepochs 10\nkalman_eta 0.01\nscale_symmetry_functions\n"
                     "symfunction H 2 O 0.1 0.0 12.0\n"
                     "symfunction_short O 3 O H 0.01 -1.0 4 11.0 0.5 theta_s 0.25\r\n"
                     "symfunction_short O 13 0.2 0.0 +1 2.5 9.0",
                     "f.nn");
  CHECK((d.elements == std::vector<std::string>{"H", "O"}));
  CHECK((d.atomic_numbers == std::vector<int>{1, 8}));
  CHECK(d.cutoff_type == CutoffType::poly2 && d.cutoff_alpha == 0.25);
  CHECK(d.functions.size() == 3);
  CHECK((d.columns(0) == std::vector<int>{0}) && (d.columns(1) == std::vector<int>{1, 2}));
  const SymmetryFunction &f = d.functions[1];
  CHECK(f.type == 3 && f.central == 1 && f.first == 0 && f.second == 1 && f.line == 10);
  CHECK(f.eta == 0.01 && f.lambda == -1.0 && f.zeta == 4.0 && f.r_cutoff == 11.0 && f.r_shift == 0.5);
  CHECK(f.theta_shift == 0.25);
  CHECK(d.functions[2].first == -1 && d.functions[2].lambda == 1.0 && d.functions[2].zeta == 2.5);
}

TEST(units)
{
  const double bohr = 0.529177210903;
  const std::string text = head + g2;
  const auto in_bohr = parse_input_nn(text, "f", LengthUnit::bohr);
  CHECK_CLOSE(in_bohr.functions[0].r_cutoff, 6.0 * bohr, 1e-15, 0);
  CHECK_CLOSE(in_bohr.functions[0].r_shift, 0.5 * bohr, 1e-15, 0);
  CHECK_CLOSE(in_bohr.functions[0].eta, 0.1 / (bohr * bohr), 1e-15, 0);
  CHECK(parse_input_nn(text + "length_unit angstrom\n", "f", LengthUnit::bohr).functions[0].r_cutoff == 6.0);
  const auto scaled = parse_input_nn("length_unit bohr\neta_unit inverse_cutoff_squared\n" + text, "f");
  CHECK_CLOSE(scaled.functions[0].eta, 0.1 / (36.0 * bohr * bohr), 1e-15, 0);
}

TEST(aev_lines)
{
  const double bohr = 0.529177210903;
  const std::string text = head + "symfunction_short Ni aev_radial Al 19.7 1.5 6.9\n"
                                  "symfunction_short Ni aev_angular Ni Al 12.5 14.1 0.25 0.8 3.5\n";
  const auto d = parse_input_nn(text, "f");
  const SymmetryFunction &radial = d.functions[0], &angular = d.functions[1];
  CHECK(radial.type == aev_radial_type && radial.first == 0 && radial.second == -1);
  CHECK(radial.eta == 19.7 && radial.r_shift == 1.5 && radial.r_cutoff == 6.9 && radial.zeta == 0.0);
  CHECK(angular.type == aev_angular_type && angular.first == 0 && angular.second == 1);
  CHECK(angular.eta == 12.5 && angular.zeta == 14.1 && angular.theta_shift == 0.25 &&
        angular.r_shift == 0.8 && angular.r_cutoff == 3.5);
  const auto in_bohr = parse_input_nn(text, "f", LengthUnit::bohr);
  CHECK_CLOSE(in_bohr.functions[1].r_cutoff, 3.5 * bohr, 1e-15, 0);
  CHECK_CLOSE(in_bohr.functions[1].r_shift, 0.8 * bohr, 1e-15, 0);
  CHECK_CLOSE(in_bohr.functions[1].eta, 12.5 / (bohr * bohr), 1e-15, 0);
  CHECK(in_bohr.functions[1].theta_shift == 0.25);
  CHECK(in_bohr.hash() != d.hash());
  CHECK(parse_input_nn(head + "symfunction_short Ni 2 Al 19.7 1.5 6.9\n", "f").hash() !=
        parse_input_nn(head + "symfunction_short Ni aev_radial Al 19.7 1.5 6.9\n", "f").hash());
  // beside n2p2's own they come last
  CHECK((parse_input_nn(text + g2, "f").n2p2_order(1) == std::vector<int>{1, 2, 0}));
}

TEST(the_hash_sees_values_only)
{
  const std::string hash = parse_input_nn(head + g2, "a").hash();
  CHECK(hash.size() == 32);
  CHECK(
      parse_input_nn("elements Al   Ni\nepochs 3\ncutoff_type 1 0.0\nsymfunction Ni 2 Al 1e-1 .5 6 # x", "b")
          .hash() == hash);
  for (const char *other : {"elements Ni Al\ncutoff_type 2\nsymfunction_short Ni 2 Al 0.1 0.5 6.0",
                            "elements Ni Al\ncutoff_type 1 0.1\nsymfunction_short Ni 2 Al 0.1 0.5 6.0",
                            "elements Ni Al\ncutoff_type 1\nsymfunction_short Ni 2 Al 0.1000000001 0.5 6.0",
                            "elements Ni Al\ncutoff_type 1\nsymfunction_short Ni 2 Ni 0.1 0.5 6.0",
                            "elements Ni Cu\ncutoff_type 1\nsymfunction_short Ni 2 Cu 0.1 0.5 6.0"})
    CHECK(parse_input_nn(other, "c").hash() != hash);
}

TEST(sorted_as_n2p2_sorts)
{
  const auto d = parse_input_nn("elements Ni Al\ncutoff_type 1\n"
                                "symfunction_short Ni 9 Ni Ni 0.1 1 1 6\n"     // 7: type first
                                "symfunction_short Ni 3 Ni Al 0.1 1 4 6\n"     // 6: zeta before lambda
                                "symfunction_short Ni 3 Ni Al 0.1 1 2 6\n"     // 4
                                "symfunction_short Ni 3 Ni Ni 0.1 1 2 6\n"     // 5: elements last
                                "symfunction_short Ni 3 Ni Ni 0.1 -1 2 6\n"    // 3: lambda -1 first
                                "symfunction_short Ni 2 Ni 0.2 0.0 6\n"        // 2: eta
                                "symfunction_short Ni 2 Ni 0.1 0.5 6\n"        // 1: then r_s
                                "symfunction_short Ni 2 Ni 9.0 0.0 5\n"        // 0: r_c before eta
                                "symfunction_short Al 2 Ni 9.0 0.0 5\n",
                                "f");
  CHECK((d.n2p2_order(1) == std::vector<int>{7, 6, 4, 5, 3, 2, 1, 0}));
  CHECK((d.n2p2_order(0) == std::vector<int>{0}));
}

TEST(every_malformed_file_gets_one_clear_line)
{
  const struct {
    std::string text;
    std::vector<std::string> expected;
  } cases[] = {
      {"", {"f.nn: ", "elements"}},
      {"cutoff_type 1\n" + g2, {"f.nn: no 'elements' line"}},
      {"elements Ni Al\n" + g2, {"f.nn: no 'cutoff_type' line"}},
      {head, {"f.nn: no symmetry function"}},
      {"elements Ni Xx\n", {"f.nn:1:", "'Xx'", "chemical symbol"}},
      {"elements Ni Ni\n", {"f.nn:1:", "twice"}},
      {"elements\n", {"f.nn:1:", "without a symbol"}},
      {"number_of_elements 3\n" + head + g2, {"f.nn:1:", "3", "line 2 lists 2"}},
      {"number_of_elements two\n", {"f.nn:1:", "'two'", "integer"}},
      {head + "elements Ni\n" + g2, {"f.nn:3:", "second 'elements'", "line 1"}},
      {"cutoff_type 9\n", {"f.nn:1:", "'9'", "known: 0 1 2"}},
      {"cutoff_type 1 1.0\n", {"f.nn:1:", "alpha", "0 <= alpha < 1"}},
      {"cutoff_type 1 0.2 3\n", {"f.nn:1:", "3 values", "1 or 2"}},
      {head + "symmfunction_short Ni 2 Al 0.1 0 6\n",
       {"f.nn:3:", "'symmfunction_short'", "'symfunction_short'"}},
      {head + "epoch 5\n", {"f.nn:3:", "'epoch'", "'epochs'"}},
      {head + "symfunction_short Ni 2 Al 0.1 0\n", {"f.nn:3:", "5 values", "expected 6", "eta r_s r_c"}},
      {head + "symfunction_short Ni 2 Al 0.1 0 6 7\n", {"f.nn:3:", "7 values", "expected 6"}},
      {head + "symfunction_short Ni 2 Al 0.1 0 6 G2\n", {"f.nn:3:", "7 values", "expected 6"}},
      {head + "symfunction_short Ni\n", {"f.nn:3:", "1 value ", "expected 6"}},
      {head + "symfunction_short Ni 2 Al zero 0 6\n", {"f.nn:3:", "eta is 'zero'", "finite number"}},
      {head + "symfunction_short Ni 2 Al nan 0 6\n", {"f.nn:3:", "eta is 'nan'", "finite number"}},
      {head + "symfunction_short Ni 2 Al 0.1 0 inf\n", {"f.nn:3:", "r_c is 'inf'"}},
      {head + "symfunction_short Ni 2 Al 0.1 0 1e999\n", {"f.nn:3:", "r_c is '1e999'"}},
      {head + "symfunction_short Ni 2 Al -0.1 0 6\n", {"f.nn:3:", "eta is -0.1", "eta >= 0"}},
      {head + "symfunction_short Ni 2 Al 0.1 0 0\n", {"f.nn:3:", "r_c is 0", "r_c > 0"}},
      {head + "symfunction_short Ni 2 Al 0.1 0 1e9\n", {"f.nn:3:", "r_c", "at most"}},
      {head + "symfunction_short Ni 2 Al 0.1 -1 6\n", {"f.nn:3:", "r_s", ">= 0"}},
      {head + "symfunction_short Ni 2 Cu 0.1 0 6\n", {"f.nn:3:", "'Cu'", "line 1, elements: Al Ni"}},
      {head + "symfunction_short Cu 2 Ni 0.1 0 6\n", {"f.nn:3:", "central element 'Cu'"}},
      {head + "symfunction_short Ni 4 Ni 0.1 0 6\n", {"f.nn:3:", "type '4'", "known: 2 3 9 12 13"}},
      {head + "symfunction_short Ni 22 Ni Ni 0 6 0 90 p2\n",
       {"f.nn:3:", "type 22", "not supported", "2 3 9 12 13"}},
      {head + "symfunction_short Ni 4294967298 Ni 0.1 0 6\n", {"f.nn:3:", "type '4294967298'", "known: 2 3"}},
      {head + "symfunction_short Ni x Ni 0.1 0 6\n", {"f.nn:3:", "type", "'x'", "integer"}},
      {head + "symfunction_short Ni 3 Ni Al 0.1 0.5 1 6\n", {"f.nn:3:", "lambda is 0.5", "1 or -1"}},
      {head + "symfunction_short Ni 3 Ni Al 0.1 1 0 6\n", {"f.nn:3:", "zeta is 0"}},
      {head + "symfunction_short Ni 3 Ni Al 0.1 1 1e6 6\n", {"f.nn:3:", "zeta is 1000000"}},
      {head + "symfunction_short Ni 3 Ni Al 0.1 1 1\n", {"f.nn:3:", "7 values", "8 or 9"}},
      {head + "symfunction_short Ni 9 Ni Al 0.1 1 1 6 0 0\n", {"f.nn:3:", "10 values", "8 or 9"}},
      {head + "symfunction_short Ni 9 Ni Al 0.1 1 1 6 theta_s\n", {"f.nn:3:", "one value after 'theta_s'"}},
      {head + "symfunction_short Ni 9 Ni Al 0.1 1 1 6 theta_s 90\n",
       {"f.nn:3:", "theta_s is '90'", "radian"}},
      {head + "symfunction_short Ni 12 Ni 0.1 0 6\n", {"f.nn:3:", "6 values", "expected 5"}},
      {head + "symfunction_short Ni 13 0.1 0 1 1\n", {"f.nn:3:", "6 values", "expected 7"}},
      {head + "symfunction_short Ni aev_radial Al 1 0\n",
       {"f.nn:3:", "5 values", "expected 6", "aev_radial En eta r_s r_c"}},
      {head + "symfunction_short Ni aev_angular Al 1 2 0 0 6\n",
       {"f.nn:3:", "8 values", "expected 9", "eta zeta theta_s r_s r_c"}},
      {head + "symfunction_short Ni aev_angular Al Ni 1 0 0 0 6\n", {"f.nn:3:", "zeta is 0"}},
      {head + "symfunction_short Ni aev_angular Al Ni 1 2 90 0 6\n",
       {"f.nn:3:", "theta_s is '90'", "radian"}},
      {head + "symfunction_short Ni aev_angular Al Cu 1 2 0 0 6\n", {"f.nn:3:", "'Cu'"}},
      {head + "symfunction_short Ni aev Al 1 0 6\n", {"f.nn:3:", "'aev'", "aev_radial or aev_angular"}},
      {head + "symfunction_short Ni 102 Al 1 0 6\n", {"f.nn:3:", "type '102'", "known: 2 3"}},
      {head + g2 + "\n" + g2, {"f.nn:5:", "same symmetry function as in line 3"}},
      {head + "symfunction_short Ni 3 Ni Al 0.1 1 1 6\nsymfunction_short Ni 3 Al Ni 0.10 1 1 6\n",
       {"f.nn:4:", "line 3"}},
      {"length_unit nm\n", {"f.nn:1:", "'nm'", "angstrom or bohr"}},
      {"eta_unit none\n", {"f.nn:1:", "'none'", "inverse_length_squared"}},
      {std::string("\x01\xff binary\n"), {"f.nn:1:", "unknown word", "'?\?'"}},
      {std::string(17 << 20, ' '), {"f.nn: ", "bytes, expected at most"}},
  };
  for (const auto &c : cases) {
    const std::string message = error_of(c.text);
    for (const std::string &part : c.expected)
      if (message.find(part) == std::string::npos)
        check::fail(__FILE__, __LINE__, std::string(part).append(" is missing in ").append(message));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST(atomic_numbers)
{
  CHECK(atomic_number("H") == 1 && atomic_number("Ni") == 28 && atomic_number("W") == 74 &&
        atomic_number("Og") == 118);
  CHECK(atomic_number("ni") == 0 && atomic_number("") == 0 && atomic_number("Nix") == 0);
}

TEST_MAIN
