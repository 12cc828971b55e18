// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "check.h"
#include "input_error.h"

namespace check {

/// The message of the InputError that `call` throws; "(no error)" if it throws none.
template <typename Call> std::string message_of(Call &&call)
{
  try {
    call();
  } catch (const mdsieve::InputError &error) {
    return error.what();
  }
  return "(no error)";
}

}    // namespace check

/// A refusal whose one line contains `part`.
#define CHECK_THROWS(expression, part)                                                                       \
  do {                                                                                                       \
    const std::string check_message = check::message_of([&] { static_cast<void>(expression); });             \
    if (check_message == "(no error)" || check_message.find(part) == std::string::npos ||                    \
        check_message.find('\n') != std::string::npos)                                                       \
      check::fail(__FILE__, __LINE__,                                                                        \
                  std::string(#expression ": expected '") + (part) + "', got: " + check_message);            \
  } while (0)
#define CHECK_MESSAGE(condition, message)                                                                    \
  do {                                                                                                       \
    if (!(condition)) check::fail(__FILE__, __LINE__, std::string(#condition " (") + (message) + ")");       \
  } while (0)
