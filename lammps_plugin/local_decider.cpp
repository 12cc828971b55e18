// SPDX-License-Identifier: GPL-2.0-or-later

#include "local_decider.h"

#include "input_error.h"

#include <cmath>
#include <limits>

namespace mdsieve {

FrameNovelty frame_novelty(const EnvironmentBank &bank, const FrameReport &frame)
{
  FrameNovelty novelty{frame.known_novelty, frame.known_id};
  if (frame.known_id > 0) novelty.cautious = frame.known_novelty;
  const auto &header = bank.header();
  const auto pointers = fingerprint_pointers(frame.candidates, header.n_features);
  for (std::size_t i = 0; i < pointers.size(); i++) {
    const int element = frame.candidates.element[i];
    const double threshold = header.thresholds[static_cast<std::size_t>(element)];
    const double enough = std::isfinite(novelty.value) ? novelty.value * threshold : 0.0;
    const double value = bank.distance(element, pointers[i], enough) / threshold;
    if (std::isfinite(value) && !(value <= novelty.cautious)) novelty.cautious = value;
    if (value > novelty.value) {
      novelty.value = value;
      novelty.id = frame.candidates.id[i];
    }
  }
  return novelty;
}

LocalDecider::LocalDecider(BankHeader header, Rule rule, ScalingKind kind, std::int64_t pilot,
                           const std::string &bank, std::optional<HistogramLayout> layout,
                           const std::string &frames)
    : header_(std::move(header)), rule_(std::move(rule)), kind_(kind), pilot_left_(pilot),
      statistics_(header_.n_features), layout_(std::move(layout))
{
  for (const std::string &score : rule_.scores())
    if (needs_driver(score))
      throw InputError("score " + score +
                       " needs a driver: start LAMMPS through `mdsieve run`, or beside one with "
                       "`mpiexec -n 8 lmp -mpicolor 1 -in in.script : -n 1 mdsieve drive`");
  if (!bank.empty())
    bank_ = EnvironmentBank::deserialise(bank, "bank");
  else if (pilot_left_ == 0)
    bank_.emplace(header_);
  if (!frames.empty())
    seen_ = SeenFrames::deserialise(frames, "frames");
  else
    begin_histograms();
}

/// As soon as the ranges are known.
void LocalDecider::begin_histograms()
{
  if (!bank_ || !layout_ || seen_) return;
  layout_->take_ranges(bank_->header().scaling);
  seen_.emplace(*layout_);
}

Decider::Start LocalDecider::start()
{
  Start start;
  if (bank_) start.bank = bank_->serialise();
  if (bank_ && seen_) start.histogram = seen_->serialise_header();
  start.rule = rule_.text();
  return start;
}

void LocalDecider::submit(const FrameReport &frame)
{
  try {
    replies_.push_back(bank_ ? decide_frame(frame) : learn_scaling(frame));
  } catch (const InputError &error) {
    failure_ = error.what();
    replies_.emplace_back();    // in whose place the failure is told
  }
}

bool LocalDecider::poll(Reply &reply)
{
  if (replies_.empty()) return false;
  reply = wait();
  return true;
}

Reply LocalDecider::wait()
{
  if (!failure_.empty()) throw InputError(failure_);
  Reply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

Reply LocalDecider::learn_scaling(const FrameReport &frame)
{
  const auto pointers = fingerprint_pointers(frame.candidates, header_.n_features);
  for (std::size_t i = 0; i < pointers.size(); i++) statistics_.add(frame.candidates.element[i], pointers[i]);

  Reply reply;
  reply.step = frame.step;
  reply.evaluation = frame.evaluation;
  reply.verdict = Verdict::pending;
  reply.n_kept = progress_.n_kept;
  reply.n_junk = progress_.n_junk;
  if (--pilot_left_ == 0) {
    header_.scaling = statistics_.scaling(kind_, header_.elements);
    bank_.emplace(header_);
    begin_histograms();
    reply.bank = bank_->serialise();
    if (seen_) reply.histogram = seen_->serialise_header();
    reply.revision = bank_->size();
  }
  return reply;
}

Reply LocalDecider::decide_frame(const FrameReport &frame)
{
  const FrameNovelty novelty = frame_novelty(*bank_, frame);
  const RangeExcess range = range_excess(bank_->range(), bank_->header().scaling, frame.extents);
  double distance = std::numeric_limits<double>::quiet_NaN();
  Bits vector;
  if (seen_) {
    if (seen_->reference().empty()) seen_->set_reference(frame.histogram);
    vector = seen_->vector_of(frame.histogram);
    distance = seen_->distance(vector);
  }
  const double cautious_distance =
      std::isfinite(distance) ? distance : std::numeric_limits<double>::quiet_NaN();
  const Decision decision =
      decide(rule_, {{"novelty", novelty.value}, {"frame", distance}, {"range", range.value}},
             {{"novelty", novelty.cautious}, {"frame", cautious_distance}, {"range", range.cautious}},
             frame.step, progress_.last_kept_step, progress_.n_kept);

  Reply reply;
  reply.step = frame.step;
  reply.evaluation = frame.evaluation;
  reply.verdict = decision.verdict;
  reply.stop = decision.stop;
  reply.novelty = novelty.value;
  reply.trigger_id = novelty.id;
  reply.scores = {distance, range.value, std::numeric_limits<double>::quiet_NaN()};

  if (decision.verdict == Verdict::kept) {
    const auto &candidates = frame.candidates;
    const auto pointers = fingerprint_pointers(candidates, bank_->header().n_features);
    for (const auto i : bank_->select_new(pointers.size(), candidates.element.data(), pointers.data())) {
      const auto index = static_cast<std::size_t>(i);
      const int element = candidates.element[index];
      const double *raw = pointers[index];
      bank_->add(element, raw, {0, frame.step, candidates.id[index]});
      reply.entry_element.push_back(element);
      reply.entry_origin.insert(reply.entry_origin.end(), {0, frame.step, candidates.id[index]});
      reply.entry_fingerprints.insert(reply.entry_fingerprints.end(), raw,
                                      raw + bank_->header().n_features[static_cast<std::size_t>(element)]);
    }
    if (seen_) seen_->add(vector);
    progress_.n_kept++;
    progress_.last_kept_step = frame.step;
  } else if (decision.verdict == Verdict::junk) {
    progress_.n_junk++;
  }
  reply.n_kept = progress_.n_kept;
  reply.n_junk = progress_.n_junk;
  reply.revision = bank_->size();
  return reply;
}

}    // namespace mdsieve
