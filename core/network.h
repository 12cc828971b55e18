// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// What a neuron does with its sum x.
enum class Activation {
  identity,            ///< l: x
  tanh,                ///< t
  logistic,            ///< s: 1 / (1 + exp(-x))
  softplus,            ///< p: ln(1 + exp(x))
  relu,                ///< r: max(0, x)
  gaussian,            ///< g: exp(-x^2 / 2)
  cosine,              ///< c
  reverse_logistic,    ///< S: 1 - 1 / (1 + exp(-x))
  exponential,         ///< e: exp(-x)
  harmonic,            ///< h: x^2
  gelu                 ///< u: x (1 + erf(x / sqrt(2))) / 2; not in n2p2
};

/// The activation of a letter as n2p2 writes it.
/// \return false if there is none such
bool find_activation(std::string_view letter, Activation &activation);

/// All letters, for messages.
std::string activation_letters();

/// A layer of a network: activation((sum_i weight_oi value_i + bias_o) * factor).
struct NetworkLayer {
  int n_inputs = 0, n_outputs = 0;
  Activation activation = Activation::identity;
  double factor = 1.0;           ///< 1 / n_inputs with n2p2's `normalize_nodes`
  std::vector<double> weight;    ///< [input * n_outputs + output]
  std::vector<double> bias;      ///< [output]
};

/// A feed-forward network with one output.
class Network {
 public:
  Network() = default;
  /// \throws InputError unless the layers fit together and end in one output
  explicit Network(std::vector<NetworkLayer> layers);

  int n_inputs() const { return layers_.empty() ? 0 : layers_.front().n_inputs; }
  /// Numbers of scratch memory that evaluate() needs.
  std::size_t scratch_size() const { return scratch_size_; }

  /// The output and its derivatives by the inputs. Allocates nothing.
  /// \param inputs    n_inputs() values
  /// \param gradient  n_inputs() values
  double evaluate(const double *inputs, double *gradient, double *scratch) const;

 private:
  std::vector<NetworkLayer> layers_;
  std::vector<std::vector<double>> transposed_;    ///< weights of each layer, [output * n_inputs + input]
  std::size_t scratch_size_ = 0;
};

}    // namespace mdsieve
