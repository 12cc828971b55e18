// SPDX-License-Identifier: GPL-2.0-or-later

/// Vectors of MDSIEVE_VECTOR_BYTES bytes over the compilers' vector extension; intrinsics only where the
/// extension has no word for it. Included by kernels.inl inside an anonymous namespace.

template <class Real> struct IntegerOf;
template <> struct IntegerOf<double> {
  using type = long long;
};
template <> struct IntegerOf<float> {
  using type = int;
};

template <class Real> struct Simd {
  using Integer = typename IntegerOf<Real>::type;
  static constexpr int width = MDSIEVE_VECTOR_BYTES / int(sizeof(Real));
  static constexpr int lanes = Lanes<Real>::count;
  static constexpr int parts = lanes / width;    ///< hardware vectors that make up one logical vector
  typedef Real vec __attribute__((vector_size(MDSIEVE_VECTOR_BYTES)));
  typedef Integer ivec __attribute__((vector_size(MDSIEVE_VECTOR_BYTES)));
  typedef Real loose __attribute__((vector_size(MDSIEVE_VECTOR_BYTES), aligned(alignof(Real)), may_alias));

  static vec load(const Real *p) { return *reinterpret_cast<const loose *>(p); }
  static void store(Real *p, vec v) { *reinterpret_cast<loose *>(p) = v; }
  static vec all(Real s) { return s - vec{}; }
  static vec select(ivec mask, vec a, vec b) { return mask ? a : b; }
  /// Add the lanes to doubles.
  static void add_to(double *sums, vec v)
  {
    if constexpr (sizeof(Real) == 8) {
      store(sums, load(sums) + v);
    } else {
      typedef float half __attribute__((vector_size(MDSIEVE_VECTOR_BYTES / 2)));
      typedef double wide __attribute__((vector_size(MDSIEVE_VECTOR_BYTES)));
      typedef double loose_wide __attribute__((vector_size(MDSIEVE_VECTOR_BYTES), aligned(8), may_alias));
      union {
        vec whole;
        half halves[2];
      } parts_of_v;
      parts_of_v.whole = v;
      for (int h = 0; h < 2; h++) {
        loose_wide *at =    // named, since auto would forget "aligned" and "may_alias"
            reinterpret_cast<loose_wide *>(sums + h * (width / 2));
        *at += __builtin_convertvector(parts_of_v.halves[h], wide);
      }
    }
  }
  /// Lanes 0 .. n-1 of v, zero beyond.
  static vec first(vec v, int n)
  {
    ivec index;
    for (int i = 0; i < width; i++) index[i] = i;
    return select(index < ivec{} + Integer(n), v, vec{});
  }
};

/// As many floats as a vector has doubles.
typedef float narrow_vec __attribute__((vector_size(MDSIEVE_VECTOR_BYTES / 2)));
typedef float loose_narrow __attribute__((vector_size(MDSIEVE_VECTOR_BYTES / 2), aligned(4), may_alias));

/// Store doubles in working precision, and read them back.
inline void store_as(double *p, Simd<double>::vec v) { Simd<double>::store(p, v); }
inline void store_as(float *p, Simd<double>::vec v)
{ *reinterpret_cast<loose_narrow *>(p) = __builtin_convertvector(v, narrow_vec); }
inline Simd<double>::vec load_as_double(const double *p) { return Simd<double>::load(p); }
inline Simd<double>::vec load_as_double(const float *p)
{
  const narrow_vec v = *reinterpret_cast<const loose_narrow *>(p);
  return __builtin_convertvector(v, Simd<double>::vec);
}

template <class Real>
inline typename Simd<Real>::vec maximum(typename Simd<Real>::vec a, typename Simd<Real>::vec b);
template <class Real> inline typename Simd<Real>::vec square_root(typename Simd<Real>::vec v);
/// Bit i is set if lane i of the comparison holds.
template <class Real> inline unsigned bits_of(typename Simd<Real>::ivec mask);
/// How the lanes of a mask are moved to the front, prepared once for several vectors.
template <class Real> struct Compressor;

#if MDSIEVE_VECTOR_BYTES == 64 && defined(__AVX512F__)

template <> inline Simd<double>::vec maximum<double>(Simd<double>::vec a, Simd<double>::vec b)
{ return (Simd<double>::vec)_mm512_max_pd((__m512d)a, (__m512d)b); }
template <> inline Simd<float>::vec maximum<float>(Simd<float>::vec a, Simd<float>::vec b)
{ return (Simd<float>::vec)_mm512_max_ps((__m512)a, (__m512)b); }
template <> inline Simd<double>::vec square_root<double>(Simd<double>::vec v)
{ return (Simd<double>::vec)_mm512_sqrt_pd((__m512d)v); }
template <> inline Simd<float>::vec square_root<float>(Simd<float>::vec v)
{ return (Simd<float>::vec)_mm512_sqrt_ps((__m512)v); }
template <> inline unsigned bits_of<double>(Simd<double>::ivec mask)
{ return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask); }
template <> inline unsigned bits_of<float>(Simd<float>::ivec mask)
{ return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask); }
template <> struct Compressor<double> {
  unsigned bits;
  explicit Compressor(unsigned b) : bits(b) {}
  void store(double *p, Simd<double>::vec v) const
  { _mm512_storeu_pd(p, _mm512_maskz_compress_pd(static_cast<__mmask8>(bits), (__m512d)v)); }
};
template <> struct Compressor<float> {
  unsigned bits;
  explicit Compressor(unsigned b) : bits(b) {}
  void store(float *p, Simd<float>::vec v) const
  { _mm512_storeu_ps(p, _mm512_maskz_compress_ps(static_cast<__mmask16>(bits), (__m512)v)); }
};

#elif MDSIEVE_VECTOR_BYTES == 32 && defined(__AVX2__)

template <> inline Simd<double>::vec maximum<double>(Simd<double>::vec a, Simd<double>::vec b)
{ return (Simd<double>::vec)_mm256_max_pd((__m256d)a, (__m256d)b); }
template <> inline Simd<float>::vec maximum<float>(Simd<float>::vec a, Simd<float>::vec b)
{ return (Simd<float>::vec)_mm256_max_ps((__m256)a, (__m256)b); }
template <> inline Simd<double>::vec square_root<double>(Simd<double>::vec v)
{ return (Simd<double>::vec)_mm256_sqrt_pd((__m256d)v); }
template <> inline Simd<float>::vec square_root<float>(Simd<float>::vec v)
{ return (Simd<float>::vec)_mm256_sqrt_ps((__m256)v); }
template <> inline unsigned bits_of<double>(Simd<double>::ivec mask)
{ return unsigned(_mm256_movemask_pd((__m256d)mask)); }
template <> inline unsigned bits_of<float>(Simd<float>::ivec mask)
{ return unsigned(_mm256_movemask_ps((__m256)mask)); }

/// For each 8-bit mask the indices of its set bits, one byte each.
struct CompressTable {
  unsigned long long bytes[256];
  constexpr CompressTable() : bytes()
  {
    for (int mask = 0; mask < 256; mask++) {
      unsigned long long packed = 0;
      int n = 0;
      for (int bit = 0; bit < 8; bit++)
        if (mask >> bit & 1) packed |= static_cast<unsigned long long>(bit) << (8 * n++);
      bytes[mask] = packed;
    }
  }
};
constexpr CompressTable compress_8;

/// For each 4-bit mask of doubles the 32-bit halves to take, one byte each.
struct PairCompressTable {
  unsigned long long bytes[16];
  constexpr PairCompressTable() : bytes()
  {
    for (int mask = 0; mask < 16; mask++) {
      unsigned long long packed = 0;
      int n = 0;
      for (int bit = 0; bit < 4; bit++)
        if (mask >> bit & 1) {
          packed |= static_cast<unsigned long long>(2 * bit) << (8 * n++);
          packed |= static_cast<unsigned long long>(2 * bit + 1) << (8 * n++);
        }
      bytes[mask] = packed;
    }
  }
};
constexpr PairCompressTable compress_4;

template <> struct Compressor<double> {
  __m256i index;
  explicit Compressor(unsigned bits)
      : index(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)compress_4.bytes[bits])))
  {}
  void store(double *p, Simd<double>::vec v) const
  { _mm256_storeu_pd(p, _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps((__m256d)v), index))); }
};
template <> struct Compressor<float> {
  __m256i index;
  explicit Compressor(unsigned bits)
      : index(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)compress_8.bytes[bits])))
  {}
  void store(float *p, Simd<float>::vec v) const
  { _mm256_storeu_ps(p, _mm256_permutevar8x32_ps((__m256)v, index)); }
};

#else

template <class Real>
inline typename Simd<Real>::vec maximum(typename Simd<Real>::vec a, typename Simd<Real>::vec b)
{ return Simd<Real>::select(a > b, a, b); }
template <class Real> inline typename Simd<Real>::vec square_root(typename Simd<Real>::vec v)
{
  for (int i = 0; i < Simd<Real>::width; i++) {
    if constexpr (sizeof(Real) == 8)
      v[i] = __builtin_sqrt(v[i]);
    else
      v[i] = __builtin_sqrtf(v[i]);
  }
  return v;
}
template <class Real> inline unsigned bits_of(typename Simd<Real>::ivec mask)
{
  unsigned bits = 0;
  for (int i = 0; i < Simd<Real>::width; i++) bits |= unsigned(mask[i] & 1) << i;
  return bits;
}
template <class Real> struct Compressor {
  unsigned bits;
  explicit Compressor(unsigned b) : bits(b) {}
  void store(Real *p, typename Simd<Real>::vec v) const
  {
    int n = 0;
    for (int i = 0; i < Simd<Real>::width; i++)
      if (bits >> i & 1) p[n++] = v[i];
  }
};

#endif

// --- elementary functions
// -------------------------------------------------------------------------------------- Polynomials:
// Chebyshev interpolation of the function in 60-digit arithmetic, relative errors as given.

/// Coefficients as constants of the right type and length.
template <class Real> struct Coefficients;
template <> struct Coefficients<double> {
  /// 2^f on [-1/2, 1/2]: 2e-14
  static constexpr double exp2[] = {1.0000000000000134868,     0.69314718055994615897,
                                    0.2402265069564033974,     0.055504108664651672007,
                                    0.0096181291939343133551,  0.0013333558200794592645,
                                    0.00015403433751251008921, 0.000015252672924850736404,
                                    1.325964524488711024e-6,   1.0205905413765595794e-7};
  /// cos(pi x / 2) / (1 - x^2) in x^2 on [0, 1]: 1e-14
  static constexpr double cosine[] = {0.99999999999999227078,     -0.23370055013541230134,
                                      0.019968957752752622682,    -0.00089452292565984362236,
                                      0.000024737068012148360779, -4.6445960072842389646e-7,
                                      6.0973718080293081536e-9};
  /// tanh(y) / y in y^2 on [0, 1]: 2e-13
  static constexpr double tanh[] = {
      0.9999999999997740688,     -0.33333333326817358146,    0.13333333020534157618,
      -0.053968194804301243506,  0.021868906272877532339,    -0.0088598235259757375944,
      0.0035792922774209267139,  -0.0014234472824929191515,  0.00053385857695153715937,
      -0.0001713525847874965679, 0.000039596426626750130205, -4.6763376572974639765e-6};
  /// log2((1 + z) / (1 - z)) / z in z^2 for (1 + z) / (1 - z) on [1 / sqrt 2, sqrt 2]: 1e-18
  static constexpr double log2[] = {2.8853900817779268115,  0.96179669392598972877, 0.5770780163455202295,
                                    0.41219858584090053448, 0.32059853491395986095, 0.26233435250418301904,
                                    0.22091308423117679618, 0.21365895694319269427};
  static constexpr double round = 6755399441055744.0;    ///< 1.5 * 2^52: adding it rounds to an integer
  static constexpr double lowest_exponent = -1000.0;
  static constexpr double tiny = 1e-300;
  static constexpr int mantissa_bits = 52;
  static constexpr long long mantissa_mask = 0xfffffffffffffll;
  static constexpr long long one_bits = 0x3ff0000000000000ll;
  static constexpr int exponent_bias = 1023;
};
template <> struct Coefficients<float> {
  static constexpr float exp2[] = {1.000000075454897193f,     0.69314718802622878106f,
                                   0.24022107485308337545f,   0.055503571142190778186f,
                                   0.0096760319183220540794f, 0.0013390863364671234381f};
  static constexpr float cosine[] = {0.9999999991226092072f, -0.23370050625459746506f,
                                     0.019968606206800278099f, -0.00089353550146327377922f,
                                     0.000023600689581301924131f};
  static constexpr float tanh[] = {0.99999994864556959668f,  -0.33332827978598838705f,
                                   0.13325076146099151836f,  -0.053451646369658043136f,
                                   0.020279708285517720072f, -0.006194324833570898415f,
                                   0.0010380250966943723324f};
  static constexpr float log2[] = {2.8853900817899870491f, 0.96179667345154847493f, 0.57708356600486586122f,
                                   0.41167376623771059218f, 0.34071204156190859826f};
  static constexpr float round = 12582912.0f;    // 1.5 * 2^23
  static constexpr float lowest_exponent = -125.0f;
  static constexpr float tiny = 1e-37f;
  static constexpr int mantissa_bits = 23;
  static constexpr int mantissa_mask = 0x7fffff;
  static constexpr int one_bits = 0x3f800000;
  static constexpr int exponent_bias = 127;
};

/// Horner's rule from coefficient i upwards, unrolled at compile time.
template <class Real, std::size_t i, std::size_t n>
inline typename Simd<Real>::vec horner(typename Simd<Real>::vec x, const Real (&c)[n])
{
  if constexpr (i + 1 == n)
    return Simd<Real>::all(c[i]);
  else
    return horner<Real, i + 1, n>(x, c) * x + c[i];
}

template <class Real, std::size_t n>
inline typename Simd<Real>::vec polynomial(typename Simd<Real>::vec x, const Real (&c)[n])
{ return horner<Real, 0, n>(x, c); }

/// 2^y for y <= 0.
template <class Real> inline typename Simd<Real>::vec exp2_negative(typename Simd<Real>::vec y)
{
  using C = Coefficients<Real>;
  using vec = typename Simd<Real>::vec;
  using ivec = typename Simd<Real>::ivec;
  y = maximum<Real>(y, Simd<Real>::all(C::lowest_exponent));
  const vec shifted = y + C::round;
  const vec fraction = y - (shifted - C::round);
  const vec p = polynomial<Real>(fraction, C::exp2);
  return (vec)((ivec)p + ((ivec)shifted << C::mantissa_bits));
}

/// log2 of a normal positive number.
template <class Real> inline typename Simd<Real>::vec log2_positive(typename Simd<Real>::vec x)
{
  using C = Coefficients<Real>;
  using vec = typename Simd<Real>::vec;
  using ivec = typename Simd<Real>::ivec;
  const ivec bits = (ivec)x;
  vec mantissa = (vec)((bits & C::mantissa_mask) | C::one_bits);    // [1, 2)
  // the exponent field as a number: put it into the mantissa of the rounding constant
  vec exponent = (vec)((bits >> C::mantissa_bits) + (ivec)Simd<Real>::all(C::round)) -
                 (C::round + Real(C::exponent_bias));
  const ivec upper = mantissa > Simd<Real>::all(Real(1.41421356237309504880));
  mantissa = Simd<Real>::select(upper, mantissa * Real(0.5), mantissa);
  exponent = Simd<Real>::select(upper, exponent + Real(1), exponent);
  const vec z = (mantissa - Real(1)) / (mantissa + Real(1));
  return z * polynomial<Real>(z * z, C::log2) + exponent;
}
