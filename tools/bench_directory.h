// The directory a bench works in: refused if it holds anything that is not a bench's.
#pragma once

#include <optional>
#include <string>

namespace penstock {

// Makes `path` a bench's own and empties it of what an earlier bench has left. Nothing, or what is wrong.
std::optional<std::string> prepare_bench_directory(const std::string& path);

// Removes the engine's data below it, or all of it.
void remove_bench_engine(const std::string& path);
void remove_bench_directory(const std::string& path);

}  // namespace penstock
