// SPDX-License-Identifier: GPL-2.0-or-later
#include "ensemble_weight.h"

#include "input_error.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mdsieve {

namespace {

void require_header(const WeightHeader &header)
{
  const auto positive = [](double value) { return std::isfinite(value) && value > 0.0; };
  if (!positive(header.temperature)) throw InputError("temperature: expected a number > 0");
  if (!std::isfinite(header.pressure)) throw InputError("pressure: expected a finite number");
  if (header.n_atoms < 1) throw InputError("atoms: expected an integer > 0");
  if (!positive(header.coldest) || !positive(header.hottest) || header.coldest > header.hottest)
    throw InputError("tails: expected two temperatures > 0, the lower one first");
  if (!positive(header.cap)) throw InputError("cap: expected a number > 0");
  const double highest = static_cast<double>(header.n_atoms);
  if (header.order.lower > 0.0 || header.order.upper < highest)
    throw InputError("order: expected a window that covers 0 to " + std::to_string(header.n_atoms) +
                     ", the number of atoms");
  LatticeOrder(header.lattice, header.repeats);
}

BiasGrid grid_of(const WeightHeader &header)
{
  require_header(header);
  const double n = static_cast<double>(header.n_atoms);
  const BiasAxis enthalpy{header.enthalpy.lower * n, header.enthalpy.upper * n, header.enthalpy.n};
  return BiasGrid(enthalpy, header.order, header.temperature / header.coldest - 1.0,
                  header.temperature / header.hottest - 1.0);
}

}    // namespace

bool WeightHeader::operator==(const WeightHeader &other) const
{
  return units == other.units && temperature == other.temperature && pressure == other.pressure &&
         n_atoms == other.n_atoms && lattice == other.lattice && repeats == other.repeats &&
         enthalpy == other.enthalpy && order == other.order && coldest == other.coldest &&
         hottest == other.hottest && cap == other.cap;
}

double LearningSchedule::hill(std::int64_t samples, std::int64_t visited, std::int64_t round_trips) const
{
  if (round_trips < 1) return first;
  const double seen = static_cast<double>(std::max<std::int64_t>(visited, 1));
  return std::min(first, kappa * seen / static_cast<double>(std::max<std::int64_t>(samples, 1)));
}

bool Passages::take(double value)
{
  const int now = value < lower ? -1 : value > upper ? 1 : 0;
  if (now == 0 || now == side) return false;
  return std::exchange(side, now) != 0;
}

EnsembleWeight::EnsembleWeight(const WeightHeader &of) : header(of), grid(grid_of(of))
{ visits.assign(grid.n_bins(), 0); }

void EnsembleWeight::visit(double enthalpy, double order)
{
  ++samples;
  if (!grid.is_inside(enthalpy, order)) return;
  if (visits[grid.bin(enthalpy, order)]++ == 0) ++visited_;
}

void EnsembleWeight::learn(double enthalpy, double order, double amount, double unit)
{
  if (!grid.is_inside(enthalpy, order)) return;
  grid.deposit(enthalpy, order, amount);
  grid.limit(header.cap * unit);
  ++deposits;
}

void EnsembleWeight::learn_from_visits(double unit)
{
  BiasGrid learnt = grid;
  for (std::size_t bin = 0; bin < visits.size(); ++bin) {
    if (visits[bin] < 2) continue;
    const auto [enthalpy, order] = grid.centre(bin);
    learnt.deposit(enthalpy, order, unit * std::log(static_cast<double>(visits[bin])));
    ++deposits;
  }
  grid = std::move(learnt);
  grid.limit(header.cap * unit);
  std::fill(visits.begin(), visits.end(), 0);
  visited_ = 0;
}

void EnsembleWeight::recount()
{
  visited_ = std::count_if(visits.begin(), visits.end(), [](std::int64_t n) { return n > 0; });
}

}    // namespace mdsieve
