// The disk of one simulated node: the Disk doors of its reactors, over a SimStorage that outlives crashes.
//
// Requests take a drawn time and complete out of order; what they do, they do when they complete. Reads see a poison
// pattern in their buffer until then, and a write's bytes are taken then: a buffer that changed meanwhile stops the
// test, and so do two writes in flight to one block, and a file used after it was closed or on another reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/disk.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_storage.h"

namespace penstock::sim {

enum class Crash : uint8_t {
  kill,  // the process dies: what had completed stays; requests in flight may still happen, or partly
  power,  // a power cut; how much of what was not flushed survives is drawn, from nothing to all
  power_lose_all,  // nothing survives that was not flushed
  power_keep_all,  // everything that had completed survives
};

enum class DiskFault : uint8_t {
  io,  // EIO. A write may have landed partly; a flush loses what it should have covered (SimStorage)
  full,   // ENOSPC, nothing done
  stall,  // takes SimDisk::Options::stall_ns longer
  lost,   // a write that claims to be done and changed nothing
};

class SimDisk {
 public:
  struct Options {
    SimStorage::Options storage;
    uint64_t latency_ns_min = 20'000;
    uint64_t latency_ns_max = 200'000;
    uint64_t flush_ns_max = 2'000'000;  // flushes take latency_ns_min to this
    uint64_t stall_ns = 20'000'000;     // some requests take up to this much longer:
    double stall_ratio = 0.01;
    double io_error_ratio = 0;                 // of all requests
    double full_ratio = 0;                     // of writes, allocations, opens and names made
    uint64_t lock_linger_ns_max = 80'000'000;  // a killed process's lock is held this much longer
    bool allow_buffer_changes = false;         // do not check that a write's bytes stay put
  };
  // `loop` outlives it. `random` is the disk's own stream.
  SimDisk(SimLoop& loop, SimRandom random, Options options);
  SimDisk(const SimDisk&) = delete;
  ~SimDisk();

  // Every write ever submitted, etc., over all incarnations; and all operations together.
  uint64_t operation_count(DiskOperation operation) const;
  uint64_t operation_count() const { return total_count_; }

  // The n-th operation of this kind from now on (1 is the next one), or of any kind, has `fault`.
  void fail_nth(DiskOperation operation, uint64_t n, DiskFault fault);
  void fail_nth(uint64_t n, DiskFault fault);
  // Calls `act` when the n-th operation from now on is submitted, before it starts: to crash the node there, say.
  void at_nth(uint64_t n, std::function<void()> act);
  // Calls `act` whenever a request completed, after its effect and before its owner hears of it: its result is not in
  // the request yet. It is as complete_disk_request() has it.
  void on_completion(std::function<void(const DiskRequest&, int64_t result)> act) {
    on_completion_ = std::move(act);
  }

  void set_io_error_ratio(double ratio) { options_.io_error_ratio = ratio; }
  void set_full_ratio(double ratio) { options_.full_ratio = ratio; }
  void set_capacity(uint64_t bytes) { storage_.set_capacity(bytes); }

  // Damage at rest, durable at once. The file must exist and hold the range.
  void flip_bit(const std::string& path, uint64_t position, unsigned bit);
  void overwrite(const std::string& path, uint64_t position, std::span<const std::byte> bytes);
  void truncate(const std::string& path, uint64_t length_bytes);
  void mark_shared_extents(const std::string& path);          // as by reflink; for stat
  void link(const std::string& path, const std::string& to);  // a second name for a file
  // Reads of [position, position + length) answer EIO from now on, until make_all_readable().
  void make_unreadable(const std::string& path, uint64_t position, uint64_t length_bytes);
  void make_all_readable() { unreadable_.clear(); }

  // What is on it now, as a read would see it; empty if there is no such file.
  std::vector<std::byte> contents(const std::string& path) const;
  std::vector<std::string> names(const std::string& directory) const;  // sorted
  bool exists(const std::string& path) const { return storage_.find(path) > 0; }
  uint64_t free_bytes() const { return storage_.free_bytes(); }
  size_t in_flight_count() const { return in_flight_.size(); }
  size_t writes_in_flight_count() const;

  // For SimWorld: a reactor's door, and the end of all of them.
  std::unique_ptr<Disk> make_door(SimPlace& place);
  void crash(Crash kind);

 private:
  class Door;
  struct Handle {
    SimStorage::FileNumber file = 0;
    FileOptions options;
    const Door* door = nullptr;
    bool locks = false;
  };
  struct Flight {
    DiskRequest* request = nullptr;
    Door* door = nullptr;
    Handle handle;  // of requests on an open file
    uint64_t flush_point = 0;
    uint64_t bytes_hash = 0;  // write
    bool faulty = false;
    DiskFault fault = DiskFault::io;
  };
  struct Range {
    uint64_t position;
    uint64_t length_bytes;
  };

  void submit(Door& door, DiskRequest& request);
  void start(Flight& flight);
  void draw_fault(Flight& flight);
  uint64_t draw_latency_ns(const Flight& flight);
  void complete(uint64_t id);
  int64_t perform(Flight& flight);
  int64_t perform_faulty(Flight& flight);
  int64_t open(Flight& flight);
  int64_t lock(Flight& flight);
  int64_t close(Flight& flight);
  int64_t read(Flight& flight);
  int64_t write(Flight& flight);
  int64_t flush_directory(Flight& flight);
  int64_t list(DiskRequest& request);
  FileId add_handle(const Flight& flight, SimStorage::FileNumber file, bool locks);
  void check_unchanged(const Flight& flight) const;
  void finish_after_death(Flight& flight, bool power_cut);
  SimStorage::FileNumber file_at(const std::string& path) const;

  SimLoop& loop_;
  Options options_;
  SimStorage storage_;
  SimRandom latencies_;
  SimRandom faults_;
  SimRandom fates_;
  uint64_t next_id_ = 0;
  uint64_t total_count_ = 0;
  std::map<DiskOperation, uint64_t> counts_;
  std::map<uint64_t, Flight> in_flight_;
  std::map<uint32_t, Handle> handles_;  // by FileId
  uint32_t next_handle_ = 0;
  std::map<SimStorage::FileNumber, uint64_t> locked_until_ns_;  // ~0: by an open handle
  std::map<SimStorage::FileNumber, std::vector<Range>> unreadable_;
  std::map<std::pair<DiskOperation, uint64_t>, DiskFault> planned_by_kind_;
  std::map<uint64_t, DiskFault> planned_;
  std::multimap<uint64_t, std::function<void()>> acts_;
  std::function<void(const DiskRequest&, int64_t)> on_completion_;
};

}  // namespace penstock::sim
