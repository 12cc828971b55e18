// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

void bind_rule(nb::module_ &m)
{
  nb::enum_<Verdict>(m, "Verdict", "What becomes of a frame.", nb::is_arithmetic())
      .value("known", Verdict::known)
      .value("kept", Verdict::kept)
      .value("junk", Verdict::junk)
      .value("pending", Verdict::pending);
  nb::enum_<StopMode>(m, "StopMode", "How a stop condition ends the run.", nb::is_arithmetic())
      .value("none", StopMode::none)
      .value("soft", StopMode::soft)
      .value("hard", StopMode::hard)
      .value("continue_", StopMode::continue_);

  nb::class_<Condition>(m, "Condition", "One comparison of a score with a number.")
      .def_ro("score", &Condition::score)
      .def_ro("value", &Condition::value)
      .def_prop_ro("text", &Condition::text)
      .def("holds", &Condition::holds, "score_value"_a, "False for NaN.")
      .def("__repr__", [](const Condition &c) { return "Condition('" + c.text() + "')"; });

  nb::class_<Rule>(m, "Rule", "keep / junk / stop / gap / max: what becomes of a frame, given its scores.")
      .def(nb::init<>())
      .def_ro("keep", &Rule::keep)
      .def_ro("junk", &Rule::junk)
      .def_ro("stop", &Rule::stop)
      .def_ro("stop_mode", &Rule::stop_mode)
      .def_ro("gap", &Rule::gap)
      .def_ro("max", &Rule::max)
      .def_prop_ro("scores", &Rule::scores, "Names of the scores in its conditions, each once.")
      .def_prop_ro("text", &Rule::text, "The words of the fix command; `parse_rule` reads them back.")
      .def("__repr__", [](const Rule &r) { return "Rule('" + r.text() + "')"; });

  nb::class_<Decision>(m, "Decision", "A verdict and why.")
      .def_ro("verdict", &Decision::verdict)
      .def_ro("stop", &Decision::stop)
      .def_ro("reason", &Decision::reason)
      .def("__repr__", [](const Decision &d) {
        static const char *const names[] = {"known", "kept", "junk", "pending"};
        return std::string("Decision(") + names[static_cast<int>(d.verdict)] + (d.stop ? ", stop" : "") +
               ", '" + d.reason + "')";
      });

  m.def("known_scores", &known_scores, "Every word that a condition may name.");
  m.def(
      "needs_driver", [](const std::string &score) { return needs_driver(score); }, "score"_a,
      "Whether only a driver can compute the score.");
  m.def("parse_rule", &parse_rule, "text"_a, "known_scores"_a,
        "Read a rule from the words of the fix command.\n\n"
        "Raises ValueError that names the word and what was expected.");
  m.def("decide", &decide, "rule"_a, "scores"_a, "cautious"_a, "step"_a, "last_kept_step"_a, "n_kept"_a,
        "Decide one frame.\n\n"
        "Parameters\n----------\n"
        "rule : Rule\n"
        "scores : dict[str, float]\n    What keep conditions look at.\n"
        "cautious : dict[str, float]\n    What junk and stop conditions look at.\n"
        "step : int\n    The frame's step.\n"
        "last_kept_step : int\n    Step of the last kept frame of this world; negative: none.\n"
        "n_kept : int\n    Frames kept so far.");
}
