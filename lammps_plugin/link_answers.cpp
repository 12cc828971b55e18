// SPDX-License-Identifier: GPL-2.0-or-later

#include "link_answers.h"

#include "input_error.h"

namespace mdsieve {

namespace {

void require_version(std::int64_t version)
{
  if (version != protocol_version)
    throw LinkError("the driver speaks link protocol " + std::to_string(version) + ", this fix speaks " +
                    std::to_string(protocol_version) + ": install the same mdsieve on both sides");
}

}    // namespace

MessageReader open_answer(std::vector<std::int64_t> message)
{
  MessageReader reader(std::move(message));
  if (reader.kind() == MessageKind::fatal) throw LinkError(shown_line(reader.bytes(reader.integer())));
  return reader;
}

Welcome Welcome::unpack(std::vector<std::int64_t> message)
{
  MessageReader reader = open_answer(std::move(message));
  if (reader.kind() != MessageKind::welcome) throw LinkError("the driver did not answer the greeting");
  require_version(reader.integer());
  Welcome welcome;
  welcome.run = reader.integer();
  welcome.kept = reader.integer();
  welcome.last_kept_step = reader.integer();
  const std::int64_t n_bank = reader.integer();
  const std::int64_t needs = reader.integer();
  const std::int64_t n_rule = reader.integer();
  const std::int64_t n_histogram = reader.integer();
  welcome.needs_fingerprints = (needs & 1) != 0;
  welcome.needs_atoms = (needs & 2) != 0;
  welcome.bank = reader.bytes(n_bank);
  welcome.rule = reader.bytes(n_rule);
  welcome.histogram = reader.bytes(n_histogram);
  return welcome;
}

void require_same_protocol(std::vector<std::int64_t> announcement)
{
  MessageReader reader(std::move(announcement));
  require_version(reader.integer());
}

}    // namespace mdsieve
