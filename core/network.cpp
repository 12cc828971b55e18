// SPDX-License-Identifier: GPL-2.0-or-later
#include "network.h"

#include "input_error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace mdsieve {

namespace {

constexpr std::array<std::pair<char, Activation>, 11> letters = {{{'l', Activation::identity},
                                                                  {'t', Activation::tanh},
                                                                  {'s', Activation::logistic},
                                                                  {'p', Activation::softplus},
                                                                  {'r', Activation::relu},
                                                                  {'g', Activation::gaussian},
                                                                  {'c', Activation::cosine},
                                                                  {'S', Activation::reverse_logistic},
                                                                  {'e', Activation::exponential},
                                                                  {'h', Activation::harmonic},
                                                                  {'u', Activation::gelu}}};

/// 1 / (1 + exp(-x)) without overflow.
double logistic(double x)
{
  const double e = std::exp(-std::fabs(x));
  return x >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

/// Values and slopes of n neurons; x holds their sums and receives the values.
void activate(Activation activation, int n, double *x, double *slope)
{
  constexpr double sqrt_half = 0.70710678118654752440, inverse_sqrt_2_pi = 0.39894228040143267794;
  for (int i = 0; i < n; i++) {
    const double sum = x[i];
    switch (activation) {
    case Activation::identity: slope[i] = 1.0; break;
    case Activation::tanh:
      x[i] = std::tanh(sum);
      slope[i] = 1.0 - x[i] * x[i];
      break;
    case Activation::logistic:
      x[i] = logistic(sum);
      slope[i] = x[i] * logistic(-sum);
      break;
    case Activation::softplus:
      x[i] = softplus(sum);
      slope[i] = logistic(sum);
      break;
    case Activation::relu:
      x[i] = std::max(sum, 0.0);
      slope[i] = sum > 0.0 ? 1.0 : 0.0;
      break;
    case Activation::gaussian:
      x[i] = std::exp(-0.5 * sum * sum);
      slope[i] = -sum * x[i];
      break;
    case Activation::cosine:
      x[i] = std::cos(sum);
      slope[i] = -std::sin(sum);
      break;
    case Activation::reverse_logistic:
      x[i] = logistic(-sum);
      slope[i] = -x[i] * logistic(sum);
      break;
    case Activation::exponential:
      x[i] = std::exp(-sum);
      slope[i] = -x[i];
      break;
    case Activation::harmonic:
      x[i] = sum * sum;
      slope[i] = 2.0 * sum;
      break;
    case Activation::gelu: {
      const double share = 0.5 * std::erfc(-sum * sqrt_half);
      x[i] = sum * share;
      slope[i] = share + sum * inverse_sqrt_2_pi * std::exp(-0.5 * sum * sum);
      break;
    }
    }
  }
}

/// out_c += sum_r factor_r matrix_rc, row after row so that whole vectors are worked on.
void add_rows(int n_rows, int n_columns, const double *factor, const double *matrix, double *out)
{
  for (int r = 0; r < n_rows; r++, matrix += n_columns)
    for (int c = 0; c < n_columns; c++) out[c] += factor[r] * matrix[c];
}

}    // namespace

bool find_activation(std::string_view letter, Activation &activation)
{
  for (const auto &[name, value] : letters) {
    if (letter.size() != 1 || letter[0] != name) continue;
    activation = value;
    return true;
  }
  return false;
}

std::string activation_letters()
{
  std::string all;
  for (const auto &[name, value] : letters) all += (all.empty() ? "" : " ") + std::string(1, name);
  return all;
}

Network::Network(std::vector<NetworkLayer> layers) : layers_(std::move(layers))
{
  int n = layers_.empty() ? 0 : layers_.front().n_inputs;
  std::size_t widest = 0;
  for (const NetworkLayer &layer : layers_) {
    const auto inputs = static_cast<std::size_t>(layer.n_inputs);
    const auto outputs = static_cast<std::size_t>(layer.n_outputs);
    if (layer.n_inputs != n || layer.n_inputs < 1 || layer.n_outputs < 1 ||
        layer.weight.size() != inputs * outputs || layer.bias.size() != outputs)
      throw InputError("network: its layers do not fit together");
    n = layer.n_outputs;
    std::vector<double> transposed(inputs * outputs);
    for (std::size_t i = 0; i < inputs; i++)
      for (std::size_t o = 0; o < outputs; o++) transposed[o * inputs + i] = layer.weight[i * outputs + o];
    transposed_.push_back(std::move(transposed));
    scratch_size_ += 2 * outputs;
    widest = std::max({widest, inputs, outputs});
  }
  if (n != 1) throw InputError("network: expected one output, found " + std::to_string(n));
  scratch_size_ += 2 * widest;
}

double Network::evaluate(const double *inputs, double *gradient, double *scratch) const
{
  double *at = scratch;    // of each layer its values, then its slopes
  const double *values = inputs;
  for (const NetworkLayer &layer : layers_) {
    double *const sums = at, *const slopes = sums + layer.n_outputs;
    at = slopes + layer.n_outputs;
    std::copy(layer.bias.begin(), layer.bias.end(), sums);
    add_rows(layer.n_inputs, layer.n_outputs, values, layer.weight.data(), sums);
    for (int o = 0; o < layer.n_outputs; o++) sums[o] *= layer.factor;
    activate(layer.activation, layer.n_outputs, sums, slopes);
    for (int o = 0; o < layer.n_outputs; o++) slopes[o] *= layer.factor;
    values = sums;
  }

  const double result = values[0];
  const std::size_t widest = (scratch_size_ - static_cast<std::size_t>(at - scratch)) / 2;
  double *pull = at, *next = at + widest;    // derivatives by a layer's outputs, and by its inputs
  pull[0] = 1.0;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const NetworkLayer &layer = layers_[l];
    const double *const slopes = at - layer.n_outputs;
    at -= layer.n_outputs;
    at -= layer.n_outputs;
    for (int o = 0; o < layer.n_outputs; o++) pull[o] *= slopes[o];
    double *const out = l == 0 ? gradient : next;
    std::fill(out, out + layer.n_inputs, 0.0);
    add_rows(layer.n_outputs, layer.n_inputs, pull, transposed_[l].data(), out);
    std::swap(pull, next);
  }
  return result;
}

}    // namespace mdsieve
