// SPDX-License-Identifier: GPL-2.0-or-later
// Derivatives of the fingerprint against differences of the printed equations, and what must hold exactly.
#include "check.h"
#include "clouds.h"

#include <algorithm>
#include <numeric>

using namespace mdsieve;
using namespace clouds;

namespace {

/// [neighbour + 1, the atom itself first][x, y, z][column]
std::vector<double> derivatives(const SymmetryFunctions &functions, int element, const Cloud &cloud)
{
  std::vector<double> out((cloud.size() + 1) * 3 * std::size_t(functions.n_features(element)), -7.0);
  SymmetryFunctions::Workspace workspace;
  functions.derivatives(element, cloud.view(), out.data(), workspace);
  return out;
}

Cloud moved(Cloud cloud, std::size_t k, int axis, double step)
{
  std::vector<double> *const axes[] = {&cloud.x, &cloud.y, &cloud.z};
  (*axes[axis])[k] += step;
  return cloud;
}

/// Central differences of fourth order of the printed equations.
std::vector<double> difference(const Descriptor &d, int element, const Cloud &cloud, std::size_t k, int axis)
{
  const double h = 1e-3;
  const auto at = [&](double step) { return reference(d, element, moved(cloud, k, axis, step)); };
  const auto p1 = at(h), m1 = at(-h), p2 = at(2 * h), m2 = at(-2 * h);
  std::vector<double> out;
  for (std::size_t c = 0; c < p1.size(); c++)
    out.push_back((8.0 * (p1[c] - m1[c]) - (p2[c] - m2[c])) / (12.0 * h));
  return out;
}

/// No neighbour so near a cutoff radius, the inner radius or another neighbour that a step crosses a kink.
Cloud safe_cloud(std::size_t n, const std::vector<double> &radii, unsigned seed)
{
  const Cloud all = random_cloud(40 * n, 6.6, 2, seed);
  Cloud cloud;
  for (std::size_t i = 0; i < all.size() && cloud.size() < n; i++) {
    const auto near = [&](double r) {
      return std::any_of(radii.begin(), radii.end(), [&](double s) { return std::fabs(r - s) < 0.02; });
    };
    bool good = all.r(i) > 1.0 && !near(all.r(i));
    for (std::size_t j = 0; good && j < cloud.size(); j++) {
      const double r = std::hypot(all.x[i] - cloud.x[j], all.y[i] - cloud.y[j], all.z[i] - cloud.z[j]);
      good = r > 0.8 && !near(r);
    }
    if (good) cloud.add(all.x[i], all.y[i], all.z[i], all.element[i]);
  }
  return cloud;
}

}    // namespace

TEST(agree_with_differences_of_the_printed_equations)
{
  for (int type = 0; type <= 8; type++)
    for (double alpha : {0.0, 0.4}) {
      const auto d = parse_input_nn(full_description(type, alpha, {"O", "H"}), "test");
      const Cloud cloud = safe_cloud(9, {6.0, 4.5, 6.0 * alpha, 4.5 * alpha}, unsigned(type) + 1);
      CHECK(cloud.size() == 9);
      for (const Kernels *kernels : all_kernels()) {
        use_kernels(*kernels);
        const SymmetryFunctions functions(d, Precision::double_);
        const std::size_t n_features = std::size_t(functions.n_features(0));
        const auto got = derivatives(functions, 0, cloud);
        for (std::size_t k : {std::size_t(0), std::size_t(4), std::size_t(8)})
          for (int axis = 0; axis < 3; axis++) {
            const double *here = got.data() + ((k + 1) * 3 + std::size_t(axis)) * n_features;
            compare({here, here + n_features}, difference(d, 0, cloud, k, axis), d, 0, 2e-7, 2e-7,
                    std::string(kernels->name) + ", cutoff type " + std::to_string(type) + " alpha " +
                        std::to_string(alpha) + ", neighbour " + std::to_string(k));
          }
      }
    }
}

TEST(gradient_is_the_weighted_sum_of_the_derivatives)
{
  for (int type = 0; type <= 8; type++) {
    const auto d = parse_input_nn(full_description(type, 0.3, {"O", "H"}), "test");
    Cloud cloud = random_cloud(45, 6.6, 2, unsigned(type) + 20);
    cloud.add(1.0, 1.0, 1.0, -1);
    for (const Kernels *kernels : all_kernels()) {
      use_kernels(*kernels);
      const SymmetryFunctions functions(d, Precision::mixed);
      SymmetryFunctions::Workspace workspace;
      for (int element : {0, 1}) {
        const std::size_t n_features = std::size_t(functions.n_features(element));
        const auto all = derivatives(functions, element, cloud);
        std::vector<double> weights(n_features), got(3 * (cloud.size() + 1), -7.0);
        for (std::size_t c = 0; c < n_features; c++) weights[c] = std::sin(3.0 * double(c) + 1.0);
        functions.gradient(element, cloud.view(), weights.data(), got.data(), workspace);
        double scale = 0.0, worst = 0.0;
        for (std::size_t i = 0; i < got.size(); i++) {
          double sum = 0.0;
          for (std::size_t c = 0; c < n_features; c++) {
            sum += weights[c] * all[i * n_features + c];
            scale = std::max(scale, std::fabs(weights[c] * all[i * n_features + c]));
          }
          worst = std::max(worst, std::fabs(got[i] - sum));
        }
        CHECK(scale > 0.0 && worst <= 1e-13 * scale);
      }
    }
  }
}

TEST(order_of_neighbours_changes_no_bit_of_the_gradient)
{
  const auto d = parse_input_nn(full_description(2, 0.0, {"O", "H"}), "test");
  const Cloud cloud = random_cloud(60, 6.4, 2, 4);
  Cloud reversed;
  for (std::size_t i = cloud.size(); i-- > 0;)
    reversed.add(cloud.x[i], cloud.y[i], cloud.z[i], cloud.element[i]);
  for (const Kernels *kernels : all_kernels()) {
    use_kernels(*kernels);
    const SymmetryFunctions functions(d, Precision::double_);
    SymmetryFunctions::Workspace workspace;
    std::vector<double> weights(std::size_t(functions.n_features(0)), 0.7), first(3 * (cloud.size() + 1));
    std::vector<double> again(first.size());
    functions.gradient(0, cloud.view(), weights.data(), first.data(), workspace);
    functions.gradient(0, reversed.view(), weights.data(), again.data(), workspace);
    for (std::size_t k = 0; k <= cloud.size(); k++)
      for (std::size_t axis = 0; axis < 3; axis++) {
        const std::size_t there = k == 0 ? 0 : cloud.size() + 1 - k;
        CHECK(first[3 * k + axis] == again[3 * there + axis]);
      }
  }
}

TEST(sum_to_zero_and_far_or_foreign_neighbours_have_none)
{
  const auto d = parse_input_nn(full_description(1, 0.0, {"O", "H"}), "test");
  use_kernels(*all_kernels().back());
  const SymmetryFunctions functions(d, Precision::double_);
  const std::size_t size = 3 * std::size_t(functions.n_features(1));
  Cloud cloud = random_cloud(50, 6.0, 2, 3);
  cloud.add(6.01, 0.0, 0.0, 0);
  cloud.add(1.0, 1.0, 1.0, -1);
  const auto all = derivatives(functions, 1, cloud);
  for (std::size_t i = 0; i < size; i++) {
    double sum = 0.0, scale = 0.0;
    for (std::size_t k = 0; k <= cloud.size(); k++) {
      sum += all[k * size + i];
      scale += std::fabs(all[k * size + i]);
    }
    CHECK(std::fabs(sum) <= 1e-14 * scale);
    CHECK(all[51 * size + i] == 0.0 && all[52 * size + i] == 0.0);
  }
}

TEST(order_of_neighbours_changes_no_bit_of_the_derivatives)
{
  const auto d = parse_input_nn(full_description(6, 0.2, {"O", "H"}), "test");
  use_kernels(*all_kernels().back());
  const SymmetryFunctions functions(d, Precision::double_), mixed(d, Precision::mixed);
  const std::size_t size = 3 * std::size_t(functions.n_features(0));
  const Cloud cloud = random_cloud(60, 6.4, 2, 4);
  const auto first = derivatives(functions, 0, cloud);
  CHECK(derivatives(mixed, 0, cloud) == first);    // always in double precision
  std::vector<std::size_t> order(cloud.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::mt19937 random(1);
  std::shuffle(order.begin(), order.end(), random);
  Cloud shuffled;
  for (std::size_t i : order) shuffled.add(cloud.x[i], cloud.y[i], cloud.z[i], cloud.element[i]);
  const auto again = derivatives(functions, 0, shuffled);
  for (std::size_t i = 0; i < size; i++) {
    CHECK(again[i] == first[i]);
    for (std::size_t k = 0; k < order.size(); k++)
      CHECK(again[(k + 1) * size + i] == first[(order[k] + 1) * size + i]);
  }
}

TEST(neighbours_on_a_line_and_on_top_of_each_other_give_finite_derivatives)
{
  const auto d = parse_input_nn(full_description(4, 0.3, {"O", "H"}), "test");
  Cloud cloud = fcc_cloud(3.52, 6.5);
  cloud.add(1.76, 1.76, 0.0, 1);    // where the lattice has an atom already
  for (const Kernels *kernels : all_kernels()) {
    use_kernels(*kernels);
    const auto all = derivatives(SymmetryFunctions(d, Precision::double_), 0, cloud);
    CHECK(std::all_of(all.begin(), all.end(), [](double v) { return std::isfinite(v); }));
  }
}

TEST_MAIN
