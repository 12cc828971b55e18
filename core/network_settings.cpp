// SPDX-License-Identifier: GPL-2.0-or-later
#include "network_settings.h"

#include "input_error.h"
#include "text_lines.h"

#include <algorithm>
#include <functional>
#include <map>

namespace mdsieve {

namespace {

// Bounds on what a file may ask for: far above any real use, small enough to keep memory in hand.
constexpr int max_hidden_layers = 100;
constexpr int max_neurons = 100000;

using Words = std::vector<std::string_view>;

/// What one element's lines, or the global ones, say; a line number of 0: nothing.
struct Wish {
  int n_hidden = 0, n_hidden_line = 0;
  std::vector<int> hidden;
  int hidden_line = 0;
  std::vector<Activation> activations;
  int activations_line = 0;
};

class Reader {
 public:
  Reader(std::string_view text, const std::string &name, const Descriptor &descriptor, EnergyUnit unit)
      : text_(text), name_(name), descriptor_(descriptor), of_element_(descriptor.elements.size())
  {
    result_.energy_unit = unit;
    result_.atom_energy.assign(descriptor.elements.size(), 0.0);
  }

  NetworkSettings read()
  {
    for_each_line(text_, "#!", [this](int line, const Words &words) {
      line_ = line;
      const auto found = readers().find(words[0]);
      if (found != readers().end()) found->second(*this, words);
    });
    decide_scaling();
    require_whole_normalisation();
    for (std::size_t e = 0; e < of_element_.size(); e++) result_.shapes.push_back(shape(e));
    return std::move(result_);
  }

 private:
  using Take = std::function<void(Reader &, const Words &)>;

  static const std::map<std::string_view, Take> &readers()
  {
    static const std::map<std::string_view, Take> all{
        {"global_hidden_layers_short", [](Reader &r, const Words &w) { r.read_depth(r.global_, w, 1); }},
        {"global_nodes_short", [](Reader &r, const Words &w) { r.read_hidden(r.global_, w, 1); }},
        {"global_activation_short", [](Reader &r, const Words &w) { r.read_activations(r.global_, w, 1); }},
        {"element_hidden_layers_short", [](Reader &r, const Words &w) { r.read_depth(r.of(w), w, 2); }},
        {"element_nodes_short", [](Reader &r, const Words &w) { r.read_hidden(r.of(w), w, 2); }},
        {"element_activation_short", [](Reader &r, const Words &w) { r.read_activations(r.of(w), w, 2); }},
        {"normalize_nodes", [](Reader &r, const Words &) { r.result_.normalise_nodes = true; }},
        {"scale_symmetry_functions", [](Reader &r, const Words &) { r.scale_ = r.line_; }},
        {"center_symmetry_functions", [](Reader &r, const Words &) { r.centre_ = r.line_; }},
        {"scale_symmetry_functions_sigma", [](Reader &r, const Words &) { r.sigma_ = r.line_; }},
        {"scale_min_short", [](Reader &r, const Words &w) { r.result_.scaling_lower = r.one_number(w); }},
        {"scale_max_short", [](Reader &r, const Words &w) { r.result_.scaling_upper = r.one_number(w); }},
        {"mean_energy", [](Reader &r, const Words &w) { r.normalisation(0, w, r.result_.mean_energy); }},
        {"conv_energy", [](Reader &r, const Words &w) { r.normalisation(1, w, r.result_.conv_energy); }},
        {"conv_length", [](Reader &r, const Words &w) { r.normalisation(2, w, r.conv_length_); }},
        {"atom_energy", [](Reader &r, const Words &w) { r.read_atom_energy(w); }},
        {"energy_unit", [](Reader &r, const Words &w) { r.read_energy_unit(w); }},
        {"nnp_type", [](Reader &r, const Words &w) { r.require_short_range(w); }},
        {"nnp_generation", [](Reader &r, const Words &w) { r.require_short_range(w); }},
        {"nnp_type_gen", [](Reader &r, const Words &w) { r.require_short_range(w); }},
        {"nnp_gen", [](Reader &r, const Words &w) { r.require_short_range(w); }},
    };
    return all;
  }

  [[noreturn]] void fail(int line, const std::string &what) const
  { throw InputError(name_ + ":" + std::to_string(line) + ": " + what); }

  /// What follows a keyword, for messages.
  static std::string found(const Words &words)
  { return words.size() > 1 ? shown(words[1]) : std::string("the end of the line"); }

  double number(std::string_view word) const
  {
    const double value = number_of(word);
    if (std::isnan(value)) fail(line_, shown(word) + " is not a finite number");
    return value;
  }

  int whole(std::string_view word, int least, int most, const std::string &what) const
  {
    const double value = number_of(word);
    if (std::isnan(value) || value != std::floor(value) || value < least || value > most)
      fail(line_, what + " is " + shown(word) + ", expected a whole number from " + std::to_string(least) +
                      " to " + std::to_string(most));
    return static_cast<int>(value);
  }

  double one_number(const Words &words) const
  {
    if (words.size() != 2)
      fail(line_, std::to_string(words.size() - 1) + " values after " + shown(words[0]) + ", expected one");
    return number(words[1]);
  }

  /// The element that a line is about.
  std::size_t element_of(const Words &words) const
  {
    const int index = words.size() > 1 ? descriptor_.element_index(words[1]) : -1;
    if (index < 0)
      fail(line_, std::string(words[0]) + ": expected an element of the file, found " + found(words));
    return static_cast<std::size_t>(index);
  }

  Wish &of(const Words &words) { return of_element_[element_of(words)]; }

  void once(const Words &words, int &first_line) const
  {
    if (first_line != 0)
      fail(line_, "second '" + std::string(words[0]) + "' line" +
                      (words[0].substr(0, 8) == "element_" ? " of the element" : "") +
                      ", the first is line " + std::to_string(first_line));
    first_line = line_;
  }

  void read_depth(Wish &wish, const Words &words, std::size_t at) const
  {
    once(words, wish.n_hidden_line);
    if (words.size() != at + 1) fail(line_, std::string(words[0]) + ": expected one number of hidden layers");
    wish.n_hidden = whole(words[at], 0, max_hidden_layers, "number of hidden layers");
  }

  void read_hidden(Wish &wish, const Words &words, std::size_t at) const
  {
    once(words, wish.hidden_line);
    for (std::size_t i = at; i < words.size(); i++)
      wish.hidden.push_back(whole(words[i], 1, max_neurons, "number of neurons"));
  }

  void read_activations(Wish &wish, const Words &words, std::size_t at) const
  {
    once(words, wish.activations_line);
    for (std::size_t i = at; i < words.size(); i++) {
      Activation activation{};
      if (!find_activation(words[i], activation))
        fail(line_, "activation " + shown(words[i]) + ", expected one of " + activation_letters());
      wish.activations.push_back(activation);
    }
  }

  void normalisation(int index, const Words &words, double &value)
  {
    value = one_number(words);
    normalisation_line_[index] = line_;
    if (index > 0 && !(value > 0.0))
      fail(line_, std::string(words[0]) + " is " + shown(words[1]) + ", expected a number > 0");
  }

  void read_atom_energy(const Words &words)
  {
    const std::size_t element = element_of(words);
    if (words.size() != 3) fail(line_, "atom_energy: expected an element and its energy");
    result_.atom_energy[element] = number(words[2]);
  }

  void read_energy_unit(const Words &words)
  {
    result_.energy_unit =
        words.size() > 1 && words[1] == "hartree" ? EnergyUnit::hartree : EnergyUnit::electronvolt;
  }

  void require_short_range(const Words &words) const
  {
    if (words.size() == 2 && (words[1] == "2G-HDNNP" || words[1] == "2")) return;
    fail(line_, std::string(words[0]) + " " + found(words) +
                    ": only networks of the short range are known, expected 2G-HDNNP or 2");
  }

  void decide_scaling()
  {
    if (sigma_ != 0 && (scale_ != 0 || centre_ != 0))
      fail(sigma_, "scale_symmetry_functions_sigma and another scaling in line " +
                       std::to_string(std::max(scale_, centre_)) + ": expected one of them");
    result_.scaling = sigma_ != 0                   ? InputScaling::sigma
                      : scale_ != 0 && centre_ != 0 ? InputScaling::centred_range
                      : scale_ != 0                 ? InputScaling::range
                      : centre_ != 0                ? InputScaling::centre
                                                    : InputScaling::none;
  }

  void require_whole_normalisation() const
  {
    const auto *const end = std::end(normalisation_line_);
    const auto n_missing = std::count(std::begin(normalisation_line_), end, 0);
    if (n_missing == 0 || n_missing == 3) return;
    fail(*std::max_element(std::begin(normalisation_line_), end),
         "expected all of mean_energy, conv_energy and conv_length, or none");
  }

  /// Lines of the element where there are such, else the global ones where they fit its number of layers.
  NetworkShape shape(std::size_t e) const
  {
    const Wish &own = of_element_[e];
    const std::string &symbol = descriptor_.elements[e];
    const Wish &depth = own.n_hidden_line != 0 ? own : global_;
    if (depth.n_hidden_line == 0)
      throw InputError(name_ + ": no 'global_hidden_layers_short' line: how many hidden layers has " +
                       symbol + "?");
    const auto n_hidden = static_cast<std::size_t>(depth.n_hidden);
    const Wish &nodes = own.hidden_line != 0 ? own : global_;
    const Wish &kinds = own.activations_line != 0 ? own : global_;
    if (nodes.hidden.size() != n_hidden)
      fail(nodes.hidden_line != 0 ? nodes.hidden_line : depth.n_hidden_line,
           std::to_string(nodes.hidden.size()) + " numbers of neurons for the " + std::to_string(n_hidden) +
               " hidden layers of " + symbol);
    if (kinds.activations.size() != n_hidden + 1)
      fail(kinds.activations_line != 0 ? kinds.activations_line : depth.n_hidden_line,
           std::to_string(kinds.activations.size()) + " activations for the " + std::to_string(n_hidden) +
               " hidden layers of " + symbol + " and its output");
    return {nodes.hidden, kinds.activations};
  }

  std::string_view text_;
  const std::string &name_;
  const Descriptor &descriptor_;
  NetworkSettings result_;
  Wish global_;
  std::vector<Wish> of_element_;
  int line_ = 0, scale_ = 0, centre_ = 0, sigma_ = 0;
  int normalisation_line_[3] = {0, 0, 0};
  double conv_length_ =
      1.0;    // fingerprints have no unit: it scales positions, and symmetry functions with them
};

}    // namespace

NetworkSettings parse_network_settings(std::string_view text, const std::string &name,
                                       const Descriptor &descriptor, EnergyUnit unit)
{ return Reader(text, name, descriptor, unit).read(); }

}    // namespace mdsieve
