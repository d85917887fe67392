// How the formats of the log are spelled for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/frame.h"
#include "engine/record_batch.h"

namespace penstock {

const char* name_of(FrameKind kind);
const char* name_of(Codec codec);

// "2025-01-31T12:00:00.000Z"; the bare number where there is no such day.
std::string utc_time(int64_t wall_ms);

// Quoted, everything unprintable as \xNN; UTF-8 stays as it is.
std::string quoted(std::span<const std::byte> bytes);

bool is_utf8(std::span<const std::byte> bytes);
std::string base64(std::span<const std::byte> bytes);

std::string_view as_text(std::span<const std::byte> bytes);

}  // namespace penstock
