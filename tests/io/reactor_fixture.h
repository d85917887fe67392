// Runs coroutines on real reactors: each test once on io_uring and once on threads.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "io/reactor.h"

namespace penstock {

class Lines final : public Reporter {
 public:
  void report(Severity, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(text);
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class RealReactors : public testing::TestWithParam<BackendChoice> {
 protected:
  Reactors::Options options(uint32_t reactor_count = 1) const {
    return {.reactor_count = reactor_count,
            .backend = GetParam(),
            .buffer_bytes_per_reactor = 16 << 20,
            .huge_pages = false};
  }
  std::unique_ptr<Reactors> make(const Reactors::Options& wanted) {
    auto made = Reactors::create(wanted, lines_);
    EXPECT_TRUE(made.ok()) << "these tests need io_uring";
    return std::move(made).value();
  }
  void run(const Reactors::Main& main) { make(options())->run(main); }
  void run(const Reactors::Options& wanted, const Reactors::Main& main) { make(wanted)->run(main); }

  // A directory of the test's own, on the file system of the working directory: it has O_DIRECT, as /tmp may not.
  const std::string& directory() {
    if (directory_.empty()) {
      std::string name = "io_test_XXXXXX";
      EXPECT_NE(::mkdtemp(name.data()), nullptr);
      directory_ = name;
    }
    return directory_;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  Lines lines_;

 private:
  std::string directory_;
};

inline std::string backend_label(const testing::TestParamInfo<BackendChoice>& info) {
  return info.param == BackendChoice::uring ? "Uring" : "Threads";
}

#define ON_BOTH_BACKENDS(fixture)                                                         \
  INSTANTIATE_TEST_SUITE_P(Backends, fixture,                                             \
                           testing::Values(BackendChoice::uring, BackendChoice::threads), \
                           backend_label)

}  // namespace penstock
