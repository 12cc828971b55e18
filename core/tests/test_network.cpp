// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "network_potential.h"

#include <cmath>
#include <string>

using namespace mdsieve;

namespace {

// lines in an order that is not n2p2's: by type, cutoff, eta, r_s, neighbours
const std::string functions = R"(
elements O H
cutoff_type 2
symfunction_short O 3 H H 0.07 1.0 1.0 6.0
symfunction_short O 2 H 1.0 0.0 6.0
symfunction_short H 2 O 0.4 0.0 6.0
symfunction_short O 2 O 0.1 0.0 6.0
symfunction_short H 2 H 0.2 0.0 6.0
)";
const std::string nets = R"(global_hidden_layers_short 2
global_nodes_short 3 2
global_activation_short t p l
)";
const std::string scaling_text =
    "1 1 0 2 0.5 0.25\n1 2 1 5 2 0.5\n2 1 0 1 0.5 0.1\n2 2 0 4 1 2\n2 3 -1 3 1 0\n";

Descriptor descriptor(const std::string &text) { return parse_input_nn(text, "input.nn"); }

NetworkSettings settings(const std::string &text)
{ return parse_network_settings(text, "input.nn", descriptor(text)); }

double weight(int k) { return std::sin(1.7 * k) * 0.8; }

/// As n2p2 writes it, labels included.
std::string weights_text(const std::vector<int> &sizes)
{
  std::string text = "# comment\n";
  int index = 0;
  const auto add = [&](const std::string &labels) {
    char value[32];
    std::snprintf(value, sizeof value, "%.17g", weight(index));
    index++;
    text += std::string(value) + " " + labels + "\n";
  };
  for (std::size_t l = 1; l < sizes.size(); l++) {
    const std::string before = std::to_string(l - 1), here = std::to_string(l);
    for (int i = 1; i <= sizes[l - 1]; i++)
      for (int o = 1; o <= sizes[l]; o++)
        add("a " + std::to_string(index + 1) + " " + before + " " + std::to_string(i) + " " + here + " " +
            std::to_string(o));
    for (int o = 1; o <= sizes[l]; o++)
      add("b " + std::to_string(index + 1) + " " + here + " " + std::to_string(o));
  }
  return text;
}

NetworkPotential potential(const std::string &more, EnergyUnit unit = EnergyUnit::electronvolt)
{
  const std::string text = functions + more;
  const Descriptor d = descriptor(text);
  return {
      d,
      {"input.nn", text},
      {"scaling.data", scaling_text},
      {{"weights.001.data", weights_text({2, 3, 2, 1})}, {"weights.008.data", weights_text({3, 3, 2, 1})}},
      unit};
}

bool is_close(double a, double b, double tolerance = 1e-14)
{ return std::fabs(a - b) <= tolerance * std::max(1.0, std::max(std::fabs(a), std::fabs(b))); }

/// The network of weights_text, written down once more: tanh, softplus, identity.
double by_hand(const std::vector<double> &inputs, double divide_1 = 1.0, double divide_2 = 1.0,
               double divide_3 = 1.0)
{
  int k = 0;
  const int n = static_cast<int>(inputs.size());
  double first[3], second[2];
  for (int o = 0; o < 3; o++) {
    first[o] = weight(3 * n + o);
    for (int i = 0; i < n; i++) first[o] += weight(3 * i + o) * inputs[static_cast<std::size_t>(i)];
    first[o] = std::tanh(first[o] / divide_1);
  }
  k = 3 * n + 3;
  for (int o = 0; o < 2; o++) {
    second[o] = weight(k + 6 + o);
    for (int i = 0; i < 3; i++) second[o] += weight(k + 2 * i + o) * first[i];
    second[o] = std::log(1.0 + std::exp(second[o] / divide_2));
  }
  k += 8;
  return (weight(k) * second[0] + weight(k + 1) * second[1] + weight(k + 2)) / divide_3;
}

double energy(const NetworkPotential &p, int element, const std::vector<double> &fingerprint)
{
  std::vector<double> gradient(fingerprint.size()), scratch(p.scratch_size());
  return p.evaluate(element, fingerprint.data(), gradient.data(), scratch.data());
}

}    // namespace

TEST(activations_and_their_slopes)
{
  const auto formula = [](Activation a, double x) {
    switch (a) {
    case Activation::identity: return x;
    case Activation::tanh: return std::tanh(x);
    case Activation::logistic: return 1.0 / (1.0 + std::exp(-x));
    case Activation::softplus: return std::log(1.0 + std::exp(x));
    case Activation::relu: return std::max(0.0, x);
    case Activation::gaussian: return std::exp(-0.5 * x * x);
    case Activation::cosine: return std::cos(x);
    case Activation::reverse_logistic: return 1.0 - 1.0 / (1.0 + std::exp(-x));
    case Activation::exponential: return std::exp(-x);
    case Activation::harmonic: return x * x;
    case Activation::gelu: return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    }
    return std::nan("");
  };
  for (const char letter : std::string("ltsprgcSehu")) {
    Activation a{};
    CHECK(find_activation(std::string(1, letter), a));
    NetworkLayer layer;
    layer.n_inputs = layer.n_outputs = 1;
    layer.activation = a;
    layer.weight = {1.0};
    layer.bias = {0.0};
    const Network network({layer});
    std::vector<double> scratch(network.scratch_size());
    for (const double x : {-3.1, -0.7, 0.2, 1.3, 4.5}) {
      double slope = 0.0;
      CHECK(is_close(network.evaluate(&x, &slope, scratch.data()), formula(a, x)));
      const double h = 1e-5;
      CHECK(is_close(slope, (formula(a, x + h) - formula(a, x - h)) / (2.0 * h), 1e-9));
    }
    for (const double x : {-800.0, 800.0}) {    // nothing but e overflows
      double slope = 0.0;
      const double value = network.evaluate(&x, &slope, scratch.data());
      CHECK(letter == 'e' || (std::isfinite(value) && std::isfinite(slope)));
    }
  }
  Activation a{};
  CHECK(!find_activation("x", a) && !find_activation("tt", a) && !find_activation("", a));
}

TEST(layers_that_do_not_fit)
{
  NetworkLayer two;
  two.n_inputs = 1;
  two.n_outputs = 2;
  two.weight = {1.0, 2.0};
  two.bias = {0.0, 0.0};
  CHECK_THROWS(Network({two}), "expected one output, found 2");
  CHECK_THROWS(Network({two, two}), "do not fit");
  CHECK_THROWS(Network(std::vector<NetworkLayer>{}), "expected one output, found 0");
}

TEST(energy_by_hand)
{
  // n2p2's columns of O: 2 O (0.1), 2 H (1.0), 3 H H; in the file 3 H H, 2 H, 2 O
  const auto both = "scale_symmetry_functions\ncenter_symmetry_functions\nscale_min_short 0.5\n"
                    "scale_max_short 2.5\n";
  const double g[3] = {0.3, 1.7, -0.4};    // n2p2's order
  const std::vector<double> fingerprint{g[2], g[1], g[0]};
  const auto check = [&](const std::string &more, double expected) {
    CHECK(is_close(energy(potential(nets + more), 1, fingerprint), expected));
  };
  check("", by_hand({g[0], g[1], g[2]}));
  check("scale_symmetry_functions\n", by_hand({g[0], g[1] / 4, (g[2] + 1) / 4}));
  check("center_symmetry_functions\n", by_hand({g[0] - 0.5, g[1] - 1, g[2] - 1}));
  check(both, by_hand({0.5 + 2 * (g[0] - 0.5), 0.5 + (g[1] - 1) / 2, 0.5 + (g[2] - 1) / 2}));
  // the last column is constant: its factor stays that of the interval
  check("scale_symmetry_functions_sigma\n", by_hand({(g[0] - 0.5) / 0.1, (g[1] - 1) / 2, g[2] - 1}));
  check("normalize_nodes\n", by_hand({g[0], g[1], g[2]}, 3, 3, 2));
  check("mean_energy -3.5\nconv_energy 20\nconv_length 1.9\natom_energy O 4\natom_energy H 100\n",
        by_hand({g[0], g[1], g[2]}) / 20 - 3.5 + 4);
  const double hartree = 27.211386245988;
  CHECK(is_close(energy(potential(nets + "atom_energy O -75\n", EnergyUnit::hartree), 1, fingerprint),
                 (by_hand({g[0], g[1], g[2]}) - 75) * hartree));
  check("energy_unit hartree\n", by_hand({g[0], g[1], g[2]}) * hartree);
}

TEST(gradient_is_the_slope_of_the_energy)
{
  const NetworkPotential p =
      potential(nets + "scale_symmetry_functions_sigma\nscale_min_short -1\nnormalize_nodes\n"
                       "mean_energy 1\nconv_energy 3\nconv_length 2\n");
  std::vector<double> x{0.4, 0.9, -0.2}, gradient(3), scratch(p.scratch_size());
  p.evaluate(1, x.data(), gradient.data(), scratch.data());
  for (std::size_t c = 0; c < 3; c++) {
    const double h = 1e-5, at = x[c];
    x[c] = at + h;
    const double above = energy(p, 1, x);
    x[c] = at - h;
    const double below = energy(p, 1, x);
    x[c] = at;
    CHECK(is_close(gradient[c], (above - below) / (2 * h), 1e-8));
  }
}

TEST(ranges)
{
  const NetworkPotential p = potential(nets);
  const double inside[2] = {1.0, 1.0}, above[2] = {2.1, 1.0}, strange[2] = {std::nan(""), 1.0};
  // the columns of H in the file are n2p2's second and first: [1, 5] and [0, 2]
  CHECK(!p.is_outside(0, inside));
  CHECK(!p.is_outside(0, above));
  const double low[2] = {0.9, 1.0};
  CHECK(p.is_outside(0, low));
  CHECK(p.is_outside(0, strange));
}

TEST(elements_of_their_own)
{
  const NetworkSettings s = settings(functions + nets +
                                     "element_hidden_layers_short H 1\nelement_nodes_short H 7\n"
                                     "element_activation_short H u l\nelement_nodes_short O 4 5\n");
  CHECK((s.shapes[0].hidden == std::vector<int>{7}));
  CHECK((s.shapes[0].activations == std::vector<Activation>{Activation::gelu, Activation::identity}));
  CHECK((s.shapes[1].hidden == std::vector<int>{4, 5}));
  CHECK(s.shapes[1].activations.size() == 3);
}

TEST(malformed_settings)
{
  const auto refuse = [](const std::string &more, const char *message) {
    CHECK_THROWS(settings(functions + more), message);
  };
  refuse("", "input.nn: no 'global_hidden_layers_short' line: how many hidden layers has H?");
  refuse("global_hidden_layers_short 2\nglobal_nodes_short 3\nglobal_activation_short t t l\n",
         "input.nn:10: 1 numbers of neurons for the 2 hidden layers of H");
  refuse("global_hidden_layers_short 1\nglobal_nodes_short 3\nglobal_activation_short t\n",
         "input.nn:11: 1 activations for the 1 hidden layers of H and its output");
  refuse("global_hidden_layers_short 1\n", "input.nn:9: 0 numbers of neurons");
  refuse("global_hidden_layers_short -1\n", "input.nn:9: number of hidden layers is '-1', expected a whole");
  refuse("global_hidden_layers_short\n", "input.nn:9: global_hidden_layers_short: expected one number");
  refuse("global_nodes_short 3 x\n", "input.nn:9: number of neurons is 'x', expected a whole number from 1");
  refuse("global_activation_short t x l\n",
         "input.nn:9: activation 'x', expected one of l t s p r g c S e h u");
  refuse(nets + "global_nodes_short 3 2\n",
         "input.nn:12: second 'global_nodes_short' line, the first is line 10");
  refuse(nets + "element_nodes_short Ni 3 2\n",
         "input.nn:12: element_nodes_short: expected an element of the");
  refuse(nets + "element_nodes_short\n", "found the end of the line");
  refuse(nets + "mean_energy 1\n", "input.nn:12: expected all of mean_energy, conv_energy and conv_length");
  refuse(nets + "conv_energy 0\n", "input.nn:12: conv_energy is '0', expected a number > 0");
  refuse(nets + "scale_min_short\n", "input.nn:12: 0 values after 'scale_min_short', expected one");
  refuse(nets + "scale_min_short a\n", "input.nn:12: 'a' is not a finite number");
  refuse(nets + "atom_energy O\n", "input.nn:12: atom_energy: expected an element and its energy");
  refuse(nets + "nnp_type 4G-HDNNP\n", "input.nn:12: nnp_type '4G-HDNNP': only networks of the short range");
  refuse(nets + "scale_symmetry_functions\nscale_symmetry_functions_sigma\n",
         "input.nn:13: scale_symmetry_functions_sigma and another scaling in line 12");
  CHECK_THROWS(descriptor(functions + "energy_unit kcal\n"), "energy_unit 'kcal', expected eV or hartree");
  CHECK(settings(functions + nets + "nnp_type 2G-HDNNP\n").shapes.size() == 2);
}

TEST(malformed_weights)
{
  const NetworkShape shape{{3, 2}, {Activation::tanh, Activation::softplus, Activation::identity}};
  const std::string good = weights_text({2, 3, 2, 1});
  const auto refuse = [&](const std::string &text, const char *message) {
    CHECK_THROWS(parse_weights({"w", text}, shape, 2, false), message);
  };
  parse_weights({"w", good}, shape, 2, false);
  refuse("", "w: 0 values, expected 20 for layers of 2-3-2-1 neurons");
  refuse(good + "1.0\n", "w: 21 values, expected 20");
  refuse("x 1\n" + good, "w:1: 'x' is not a finite number");
  refuse("nan a 1 0 1 1 1\n" + good, "w:1: 'nan' is not a finite number");
  CHECK_THROWS(
      parse_weights({"w", weights_text({4, 3, 2, 1})}, NetworkShape{{3, 2}, shape.activations}, 2, false),
      "w: 26 values");
  std::string swapped = good;    // the first weight is called the second
  swapped.replace(swapped.find("a 1 0 1 1 1"), 11, "a 1 0 1 1 2");
  refuse(swapped,
         "w:2: 'a 1 0 1 1 2' after the value, expected a from neuron 1 of layer 0 to neuron 1 of layer 1");
  swapped = good;
  swapped.replace(swapped.find("b 7 1 1"), 7, "a 7 1 1");
  refuse(swapped, "w:8: 'a 7 1 1' after the value, expected b of layer 1, neuron 1");
  std::string bare;    // values alone, as n2p2 reads them
  for (int k = 0; k < 20; k++) bare += std::to_string(weight(k)) + "\n";
  parse_weights({"w", bare}, shape, 2, false);
}

TEST(potentials_that_are_not_whole)
{
  const std::string text = functions + nets;
  const Descriptor d = descriptor(text);
  const NamedText h{"weights.001.data", weights_text({2, 3, 2, 1})};
  const NetworkPotential one(d, {"input.nn", text}, {"scaling.data", scaling_text}, {h, {}},
                             EnergyUnit::electronvolt);
  CHECK(one.has_network(0) && !one.has_network(1));
  CHECK_THROWS(NetworkPotential(d, {"input.nn", text}, {"scaling.data", "1 1 0 1 1 1\n"}, {h, {}},
                                EnergyUnit::electronvolt),
               "1 functions for element H");
  const std::string only_o = "elements H O\ncutoff_type 1\nsymfunction_short O 2 H 1 0 6\n" + nets;
  CHECK_THROWS(NetworkPotential(descriptor(only_o), {"input.nn", only_o}, {"scaling.data", "2 1 0 1 0 1\n"},
                                {h, {}}, EnergyUnit::electronvolt),
               "input.nn: no symmetry functions for H");
  CHECK(weight_file_name(1) == "weights.001.data" && weight_file_name(29) == "weights.029.data");
}

TEST_MAIN
