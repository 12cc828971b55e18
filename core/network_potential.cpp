// SPDX-License-Identifier: GPL-2.0-or-later
#include "network_potential.h"

#include "input_error.h"
#include "text_lines.h"

#include <algorithm>
#include <cstdio>

namespace mdsieve {

namespace {

constexpr double hartree_in_ev = 27.211386245988;    // CODATA 2018

using Words = std::vector<std::string_view>;

/// A value of a file of weights, with what its line says it is.
struct Connection {
  int line;
  double value;
  Words labels;
};

/// Where a value belongs.
struct Place {
  bool is_bias;
  int layer, from, to;    // from 1; of a bias the layer that it leads to, and `to`
};

std::string described(const Place &place)
{
  const auto text = [](int number) { return std::to_string(number); };
  if (place.is_bias) return "b of layer " + text(place.layer) + ", neuron " + text(place.to);
  return "a from neuron " + text(place.from) + " of layer " + text(place.layer - 1) + " to neuron " +
         text(place.to) + " of layer " + text(place.layer);
}

/// n2p2 goes by the order alone; its labels show if a file is another's.
void require_place(const std::string &name, const Connection &connection, const Place &place)
{
  const Words &labels = connection.labels;
  if (labels.empty()) return;
  const auto fail = [&]() {
    std::string words;
    for (const auto &label : labels) words += (words.empty() ? "" : " ") + std::string(label);
    throw InputError(name + ":" + std::to_string(connection.line) + ": " + shown(words) +
                     " after the value, expected " + described(place));
  };
  if (labels[0] != (place.is_bias ? "b" : "a")) fail();
  std::vector<int> expected = place.is_bias
                                  ? std::vector<int>{place.layer, place.to}
                                  : std::vector<int>{place.layer - 1, place.from, place.layer, place.to};
  if (labels.size() != 2 + expected.size()) fail();
  for (std::size_t i = 0; i < expected.size(); i++)
    if (number_of(labels[2 + i]) != expected[i]) fail();
}

std::vector<Connection> read_connections(const NamedText &file)
{
  std::vector<Connection> connections;
  for_each_line(file.text, "#", [&](int line, const Words &words) {
    const double value = number_of(words[0]);
    if (std::isnan(value))
      throw InputError(file.name + ":" + std::to_string(line) + ": " + shown(words[0]) +
                       " is not a finite number");
    connections.push_back({line, value, Words(words.begin() + 1, words.end())});
  });
  return connections;
}

double factor_of(InputScaling kind, double width, const ColumnSummary &c)
{
  double spread = 1.0;
  if (kind == InputScaling::range || kind == InputScaling::centred_range) spread = c.max - c.min;
  if (kind == InputScaling::sigma) spread = c.sigma;
  if (kind == InputScaling::none || kind == InputScaling::centre) return 1.0;
  return spread > 0.0 ? width / spread : width;    // a constant tells nothing, but must not become infinite
}

double shift_of(InputScaling kind, const ColumnSummary &c)
{
  if (kind == InputScaling::none) return 0.0;
  return kind == InputScaling::range ? c.min : c.mean;
}

}    // namespace

std::string weight_file_name(int atomic_number)
{
  char name[32];
  std::snprintf(name, sizeof name, "weights.%03d.data", atomic_number);
  return name;
}

Network parse_weights(const NamedText &file, const NetworkShape &shape, int n_inputs, bool normalise_nodes)
{
  const std::vector<Connection> connections = read_connections(file);
  std::string sizes = std::to_string(n_inputs);
  double expected = 0.0;
  int n_before = n_inputs;
  for (std::size_t l = 0; l < shape.activations.size(); l++) {
    const int n = l < shape.hidden.size() ? shape.hidden[l] : 1;
    expected += (n_before + 1.0) * n;
    n_before = n;
    sizes += "-" + std::to_string(n);
  }
  if (expected != static_cast<double>(connections.size()))
    throw InputError(file.name + ": " + std::to_string(connections.size()) + " values, expected " +
                     std::to_string(static_cast<long long>(expected)) + " for layers of " +
                     shown_line(sizes) + " neurons");

  auto next = connections.begin();
  std::vector<NetworkLayer> layers;
  for (std::size_t l = 0; l < shape.activations.size(); l++) {
    NetworkLayer layer;
    layer.n_inputs = l == 0 ? n_inputs : layers.back().n_outputs;
    layer.n_outputs = l < shape.hidden.size() ? shape.hidden[l] : 1;
    layer.activation = shape.activations[l];
    if (normalise_nodes) layer.factor = 1.0 / layer.n_inputs;
    const int number = static_cast<int>(l) + 1;
    for (int i = 1; i <= layer.n_inputs; i++)
      for (int o = 1; o <= layer.n_outputs; o++, ++next) {
        require_place(file.name, *next, {false, number, i, o});
        layer.weight.push_back(next->value);
      }
    for (int o = 1; o <= layer.n_outputs; o++, ++next) {
      require_place(file.name, *next, {true, number, 0, o});
      layer.bias.push_back(next->value);
    }
    layers.push_back(std::move(layer));
  }
  return Network(std::move(layers));
}

NetworkPotential::NetworkPotential(const Descriptor &descriptor, const NamedText &input,
                                   const NamedText &scaling, const std::vector<NamedText> &weights,
                                   EnergyUnit unit)
{
  const NetworkSettings settings = parse_network_settings(input.text, input.name, descriptor, unit);
  const auto columns =
      parse_column_summaries(scaling.text, scaling.name, descriptor, settings.scaling == InputScaling::sigma);
  const double ev = settings.energy_unit == EnergyUnit::hartree ? hartree_in_ev : 1.0;
  energy_of_output_ = ev / settings.conv_energy;
  const double width = settings.scaling_upper - settings.scaling_lower;
  if (settings.scaling != InputScaling::none && settings.scaling != InputScaling::centre)
    input_offset_ = settings.scaling_lower;

  networks_.resize(descriptor.elements.size());
  for (std::size_t e = 0; e < networks_.size(); e++) {
    ElementNetwork &element = networks_[e];
    element.is_there = !weights[e].name.empty();
    if (!element.is_there) continue;
    const std::size_t n = columns[e].size();
    if (n == 0)
      throw InputError(input.name + ": no symmetry functions for " + descriptor.elements[e] +
                       ", so there is nothing to make its energy of");
    const std::vector<int> rank = descriptor.n2p2_order(static_cast<int>(e));
    element.network =
        parse_weights(weights[e], settings.shapes[e], static_cast<int>(n), settings.normalise_nodes);
    for (const ColumnSummary &c : columns[e]) {
      element.shift.push_back(shift_of(settings.scaling, c));
      element.factor.push_back(factor_of(settings.scaling, width, c));
      element.least.push_back(c.min);
      element.most.push_back(c.max);
    }
    element.rank = rank;
    element.energy = (settings.mean_energy + settings.atom_energy[e]) * ev;
    scratch_size_ = std::max(scratch_size_, element.network.scratch_size() + 2 * n);
  }
}

double NetworkPotential::evaluate(int element, const double *fingerprint, double *gradient,
                                  double *scratch) const
{
  const ElementNetwork &own = networks_[static_cast<std::size_t>(element)];
  const std::size_t n = own.shift.size();
  double *const inputs = scratch, *const slopes = scratch + n;
  for (std::size_t c = 0; c < n; c++)
    inputs[own.rank[c]] = input_offset_ + (fingerprint[c] - own.shift[c]) * own.factor[c];
  const double output = own.network.evaluate(inputs, slopes, scratch + 2 * n);
  for (std::size_t c = 0; c < n; c++) gradient[c] = slopes[own.rank[c]] * own.factor[c] * energy_of_output_;
  return output * energy_of_output_ + own.energy;
}

bool NetworkPotential::is_outside(int element, const double *fingerprint) const
{
  const ElementNetwork &own = networks_[static_cast<std::size_t>(element)];
  for (std::size_t c = 0; c < own.least.size(); c++)
    if (!(fingerprint[c] >= own.least[c] && fingerprint[c] <= own.most[c])) return true;
  return false;
}

}    // namespace mdsieve
