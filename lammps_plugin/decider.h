// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "environment_bank.h"
#include "fingerprint_range.h"
#include "link_message.h"
#include "rule.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mdsieve {

/// One evaluated frame as the first rank of a world puts it together. Lengths in Angstrom, the rest in LAMMPS
/// units.
struct FrameReport {
  struct Atoms {
    std::vector<std::int64_t> id;         ///< ascending
    std::vector<std::int32_t> element;    ///< index into the descriptor's elements, -1 for NULL types
    std::vector<double> position;         ///< 3 per atom
    std::vector<double> velocity;         ///< 3 per atom, or empty
    std::vector<double> force;            ///< 3 per atom, or empty
  };
  /// Atoms whose environment is not certainly known to the ranks' banks.
  struct Candidates {
    std::vector<std::int64_t> id;    ///< ascending
    std::vector<std::int32_t> element;
    std::vector<double> fingerprints;    ///< unscaled, one after the other
  };

  std::int64_t step = 0;
  double time = 0.0;
  std::int64_t evaluation = 0;
  std::int64_t natoms = 0;
  double cell[9] = {};    ///< rows a, b, c
  double origin[3] = {};
  std::int64_t periodic = 0;     ///< bits 0, 1, 2: x, y, z
  double energy = 0.0;           ///< NaN if not asked for
  double pressure[6] = {};       ///< xx yy zz yz xz xy, NaN if not asked for
  double temperature = 0.0;      ///< NaN if unknown
  double known_novelty = 0.0;    ///< largest novelty among the atoms dropped at the source
  std::int64_t known_id = 0;     ///< its atom ID
  std::int64_t revision = -1;    ///< entries in the ranks' bank, -1: no bank yet
  bool has_atoms = false;
  Atoms atoms;
  Candidates candidates;
  std::string histogram;    ///< signature; empty without a bank, or if there are no histograms
  FrameExtents extents;     ///< without columns while there is no bank
};

/// What became of a frame, for all ranks of the world.
struct Reply {
  std::int64_t step = 0;
  std::int64_t evaluation = 0;
  Verdict verdict = Verdict::pending;
  bool stop = false;
  double novelty = 0.0;
  std::int64_t trigger_id = 0;    ///< atom with the largest novelty
  std::int64_t n_kept = 0;        ///< so far
  std::int64_t n_junk = 0;
  std::int64_t revision = -1;
  std::vector<std::int32_t> entry_element;    ///< new bank entries
  std::vector<std::int64_t> entry_origin;     ///< 3 per entry: run, step, atom ID
  std::vector<double> entry_fingerprints;
  std::string bank;         ///< not empty: a whole bank that replaces the ranks'
  std::string histogram;    ///< not empty: what histograms are to be from now on (SeenFrames without frames)
  /// frame, range, spread, then the rule's other scores in its order; NaN: unknown
  std::vector<double> scores;

  /// One flat block for MPI_Bcast, and back.
  std::vector<std::int64_t> pack() const;
  static Reply unpack(std::vector<std::int64_t> words);

  /// \throws LinkError if the entries cannot be added to a bank with so many functions per element
  void require_fit(const std::vector<int> &n_features) const;
};

/// The replies that the first rank hands to the others together.
struct ReplyBatch {
  enum End : std::int64_t { good = 0, lost = 1, failed = 2 };

  std::vector<Reply> replies;
  End end = good;
  std::string text;    ///< why the driver counts as lost, or what failed

  std::vector<std::int64_t> pack() const;
  static ReplyBatch unpack(const std::vector<std::int64_t> &words);
};

/// State that survives a restart.
struct Progress {
  std::int64_t n_kept = 0;
  std::int64_t n_junk = 0;
  std::int64_t last_kept_step = -1;
};

/// Decides frames, in the order in which they are submitted. Lives on the first rank of a world.
class Decider {
 public:
  virtual ~Decider() = default;

  /// What the ranks start from.
  struct Start {
    std::string bank;         ///< serialised; empty while there is none (a pilot fits the scaling first)
    std::string histogram;    ///< what histograms are to be; empty: none, or no bank yet
    std::string rule;         ///< what decides on the frames
    bool needs_fingerprints = false;    ///< of all atoms, with every frame
    bool needs_atoms = false;           ///< with every frame

    std::vector<std::int64_t> pack() const;
    static Start unpack(std::vector<std::int64_t> words);
  };
  /// To be asked once.
  virtual Start start() = 0;
  /// The difference vectors of kept frames, serialised, if they are kept here; else empty.
  virtual std::string seen_frames() const { return {}; }
  virtual Progress progress() const = 0;
  virtual void resume(const Progress &progress) = 0;

  /// Never fails: what goes wrong shows up in place of the reply.
  virtual void submit(const FrameReport &frame) = 0;
  /// Frames submitted whose reply has not been fetched.
  virtual int outstanding() const = 0;
  /// True and the next reply, if one is there. May throw LinkError.
  virtual bool poll(Reply &reply) = 0;
  /// The next reply. May throw LinkError, DriverLost.
  virtual Reply wait() = 0;
  /// A `run` has ended; all replies have been fetched.
  virtual void run_ended(const std::string &json) = 0;
  /// The fix is about to go, and why.
  virtual void part(Parting) {}
  /// What decides, for the log.
  virtual std::string name() const = 0;
};

/// Candidates as the bank wants them.
std::vector<const double *> fingerprint_pointers(const FrameReport::Candidates &candidates,
                                                 const std::vector<int> &n_features);

}    // namespace mdsieve
