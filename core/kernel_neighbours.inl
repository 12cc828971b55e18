// SPDX-License-Identifier: GPL-2.0-or-later

/// Neighbours of one atom in working precision. Included by kernels.inl inside an anonymous namespace.

/// Unit vectors, r^2 and r, padded with a harmless neighbour.
template <class Real> void prepare(const SortedNeighbours &in, const Arrays<Real> &a)
{
  using S = Simd<double>;
  for (int k = 0; k < in.size; k += S::width) {
    const S::vec r2 = S::load(in.r2 + k);
    const S::vec r = square_root<double>(r2);
    const S::vec inverse = 1.0 / r;
    const S::vec x = S::load(in.x + k) * inverse;
    const S::vec y = S::load(in.y + k) * inverse;
    const S::vec z = S::load(in.z + k) * inverse;
    store_as(a.ux + k, x);
    store_as(a.uy + k, y);
    store_as(a.uz + k, z);
    store_as(a.r + k, r);
    store_as(a.r2 + k, r2);
    if (a.vx != nullptr) {
      S::store(a.vx + k, x);
      S::store(a.vy + k, y);
      S::store(a.vz + k, z);
    }
  }
  for (std::size_t k = std::size_t(in.size); k < a.stride; k++) {
    a.ux[k] = Real(1);
    a.uy[k] = a.uz[k] = Real(0);
    a.r[k] = a.r2[k] = Real(1);
    if (a.vx != nullptr) {
      a.vx[k] = 1.0;
      a.vy[k] = a.vz[k] = 0.0;
    }
  }
}

/// How many neighbours of each slot lie inside each cutoff: they come first, being sorted by r^2.
template <class Plan, class Real>
void count_neighbours(const Plan &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  for (int slot = 0; slot < plan.n_slots; slot++) {
    const int begin = in.slot_begin[slot];
    for (int c = 0; c < plan.n_cutoffs; c++) {
      int low = begin, high = in.slot_begin[slot + 1];
      while (low < high) {
        const int middle = (low + high) / 2;
        if (in.r2[middle] < plan.cutoffs[c].r2_cutoff)
          low = middle + 1;
        else
          high = middle;
      }
      a.count[slot * plan.n_cutoffs + c] = low - begin;
    }
  }
}
