#include "tools/bench_fio.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/child_process.h"

namespace penstock {
namespace {

// What fio printed, or nothing, and `wrong`.
std::optional<nlohmann::json> run_fio(const std::vector<std::string>& arguments,
                                      std::string& wrong) {
  Result<std::unique_ptr<ChildProcess>> fio = ChildProcess::start(arguments);
  if (!fio.ok()) {
    wrong = "fio cannot be started: is it installed (apt install fio)?";
    return std::nullopt;
  }
  const std::string output = fio.value()->read_all();
  const int status = fio.value()->wait();
  if (status != 0) {
    wrong = fmt::format("fio ended with status {}: {}", status, command_text(arguments));
    return std::nullopt;
  }
  // Notes may stand in front of the object.
  const size_t begin = std::min(output.find('{'), output.size());
  nlohmann::json parsed = nlohmann::json::parse(output.substr(begin), nullptr, false);
  if (parsed.is_discarded()) {
    wrong = "fio's output is no JSON: " + command_text(arguments);
    return std::nullopt;
  }
  return parsed;
}

}  // namespace

std::vector<std::string> FioReference::arguments() const {
  const bool read = options_.pattern == Pattern::read;
  std::vector<std::string> all = {
      "fio",
      "--name=reference",
      fmt::format("--filename={}", options_.file),
      fmt::format("--rw={}", read ? "read" : "write"),
      fmt::format("--bs={}", options_.block_bytes),
      fmt::format("--iodepth={}", options_.depth),
      fmt::format("--size={}", options_.file_bytes),
      "--ioengine=io_uring",
      "--direct=1",
      "--fixedbufs=1",
      "--registerfiles=1",
      fmt::format("--cpus_allowed={}", options_.core),
      "--thread",
      "--output-format=json",
  };
  if (options_.huge_pages) all.emplace_back("--mem=shmhuge");
  if (options_.pattern == Pattern::fresh) {
    all.emplace_back("--fallocate=native");
  } else {
    all.emplace_back("--fallocate=none");
    all.emplace_back("--time_based");
  }
  all.push_back(fmt::format("--runtime={}ms", options_.window_ms));
  return all;
}

std::string FioReference::command() const { return command_text(arguments()); }

std::optional<std::string> FioReference::lay_out() const {
  if (options_.pattern == Pattern::fresh) return std::nullopt;
  std::string wrong;
  const std::vector<std::string> all = {"fio",
                                        "--name=layout",
                                        fmt::format("--filename={}", options_.file),
                                        "--rw=write",
                                        fmt::format("--bs={}", options_.block_bytes),
                                        "--iodepth=8",
                                        fmt::format("--size={}", options_.file_bytes),
                                        "--ioengine=io_uring",
                                        "--direct=1",
                                        "--fallocate=none",
                                        "--end_fsync=1",
                                        "--output-format=json"};
  if (!run_fio(all, wrong)) return wrong;
  return std::nullopt;
}

std::optional<double> FioReference::run(std::string& wrong) const {
  if (options_.pattern == Pattern::fresh) unlink(options_.file.c_str());
  const std::optional<nlohmann::json> output = run_fio(arguments(), wrong);
  if (!output) return std::nullopt;
  const char* const direction = options_.pattern == Pattern::read ? "read" : "write";
  const nlohmann::json rate =
      output->value(nlohmann::json::json_pointer(fmt::format("/jobs/0/{}/bw_bytes", direction)),
                    nlohmann::json());
  if (!rate.is_number() || rate.get<double>() <= 0) {
    wrong = "fio reported no bytes: " + command();
    return std::nullopt;
  }
  return rate.get<double>();
}

}  // namespace penstock
