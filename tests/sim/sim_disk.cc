#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/check.h"
#include "tests/sim/sim_memory.h"

namespace penstock::sim {
namespace {

constexpr std::byte kPoison{0xdb};
constexpr uint64_t kHeld = ~uint64_t{0};

bool names_a_file(DiskOperation operation) {
  switch (operation) {
    case DiskOperation::close:
    case DiskOperation::read:
    case DiskOperation::write:
    case DiskOperation::flush:
    case DiskOperation::allocate:
    case DiskOperation::truncate: return true;
    default: return false;
  }
}

bool takes_space(const DiskRequest& request) {
  switch (request.operation) {
    case DiskOperation::open: return request.options.create;
    case DiskOperation::write:
    case DiskOperation::allocate:
    case DiskOperation::rename:
    case DiskOperation::make_directory: return true;
    default: return false;
  }
}

bool misaligned(const DiskRequest& request) {
  return (request.position | request.length_bytes | reinterpret_cast<uintptr_t>(request.bytes)) %
             kDiskBlockBytes !=
         0;
}

bool overlap(uint64_t left, uint64_t left_bytes, uint64_t right, uint64_t right_bytes) {
  const uint64_t left_end = (left + left_bytes + kDiskBlockBytes - 1) / kDiskBlockBytes;
  const uint64_t right_end = (right + right_bytes + kDiskBlockBytes - 1) / kDiskBlockBytes;
  return left / kDiskBlockBytes < right_end && right / kDiskBlockBytes < left_end;
}

std::span<std::byte> bytes_of(const DiskRequest& request) {
  return {request.bytes, request.length_bytes};
}

}  // namespace

class SimDisk::Door final : public Disk {
 public:
  Door(SimDisk& disk, SimPlace& place) : disk_(disk), place_(place) {}
  void submit(DiskRequest& request) override { disk_.submit(*this, request); }
  DiskFeatures features() const override { return {.backend = "simulated"}; }
  SimPlace& place() const { return place_; }

 private:
  SimDisk& disk_;
  SimPlace& place_;
};

SimDisk::SimDisk(SimLoop& loop, SimRandom random, Options options)
    : loop_(loop),
      options_(options),
      storage_(options.storage),
      latencies_(random.fork("latencies")),
      faults_(random.fork("faults")),
      fates_(random.fork("fates")) {}

SimDisk::~SimDisk() = default;

std::unique_ptr<Disk> SimDisk::make_door(SimPlace& place) {
  return std::make_unique<Door>(*this, place);
}

uint64_t SimDisk::operation_count(DiskOperation operation) const {
  const auto found = counts_.find(operation);
  return found == counts_.end() ? 0 : found->second;
}

void SimDisk::fail_nth(DiskOperation operation, uint64_t n, DiskFault fault) {
  planned_by_kind_[{operation, operation_count(operation) + n}] = fault;
}

void SimDisk::fail_nth(uint64_t n, DiskFault fault) { planned_[total_count_ + n] = fault; }

void SimDisk::at_nth(uint64_t n, std::function<void()> act) {
  acts_.emplace(total_count_ + n, std::move(act));
}

// Requests.

void SimDisk::submit(Door& door, DiskRequest& request) {
  if (!door.place().alive) return;  // what a dead process still asks for never happens
  loop_.require_at(door.place());
  ++total_count_;
  ++counts_[request.operation];
  const auto acts = acts_.equal_range(total_count_);
  for (auto at = acts.first; at != acts.second; ++at) at->second();
  acts_.erase(acts.first, acts.second);
  if (!door.place().alive) return;

  Flight flight{.request = &request, .door = &door};
  if (names_a_file(request.operation)) {
    const auto found = handles_.find(request.file.value);
    loop_.require(found != handles_.end(), "a file was used that is not open");
    loop_.require(found->second.door == &door, "a file was used on another reactor than its own");
    flight.handle = found->second;
  }
  start(flight);
  draw_fault(flight);
  const uint64_t latency_ns = draw_latency_ns(flight);
  const uint64_t id = ++next_id_;
  in_flight_.emplace(id, flight);
  loop_.schedule(&door.place(), latency_ns, [this, id] { complete(id); });
}

// What happens to a request's buffers and to the order of things when it is submitted.
void SimDisk::start(Flight& flight) {
  DiskRequest& request = *flight.request;
  flight.flush_point = storage_.flush_point();
  flight.door->place().memory->pin(bytes_of(request));
  if (request.operation == DiskOperation::close) handles_.erase(request.file.value);
  if (request.operation == DiskOperation::read) {
    std::memset(request.bytes, static_cast<int>(kPoison), request.length_bytes);
  }
  if (request.operation != DiskOperation::write) return;
  flight.bytes_hash = hash_of(bytes_of(request));
  for (const auto& [id, other] : in_flight_) {
    const bool same_file =
        other.request->operation == DiskOperation::write && other.handle.file == flight.handle.file;
    loop_.require(!same_file || !overlap(request.position, request.length_bytes,
                                         other.request->position, other.request->length_bytes),
                  "two writes are in flight to one block of a file");
  }
}

void SimDisk::draw_fault(Flight& flight) {
  const DiskOperation operation = flight.request->operation;
  const bool io = faults_.chance(options_.io_error_ratio);
  const bool full = faults_.chance(options_.full_ratio) && takes_space(*flight.request);
  const bool stall = faults_.chance(options_.stall_ratio);
  flight.faulty = io || full || stall;
  flight.fault = io ? DiskFault::io : full ? DiskFault::full : DiskFault::stall;
  const auto planned = planned_.find(total_count_);
  const auto planned_by_kind = planned_by_kind_.find({operation, counts_[operation]});
  if (planned != planned_.end()) {
    flight.faulty = true;
    flight.fault = planned->second;
  } else if (planned_by_kind != planned_by_kind_.end()) {
    flight.faulty = true;
    flight.fault = planned_by_kind->second;
  }
}

uint64_t SimDisk::draw_latency_ns(const Flight& flight) {
  const DiskOperation operation = flight.request->operation;
  const bool flushes = operation == DiskOperation::flush ||
                       operation == DiskOperation::flush_directory || flight.request->durable;
  const uint64_t most = flushes ? options_.flush_ns_max : options_.latency_ns_max;
  uint64_t latency_ns =
      latencies_.between(options_.latency_ns_min, std::max(options_.latency_ns_min, most));
  const uint64_t stall_ns = latencies_.between(options_.stall_ns / 2, options_.stall_ns);
  if (flight.faulty && flight.fault == DiskFault::stall) latency_ns += stall_ns;
  return latency_ns;
}

void SimDisk::complete(uint64_t id) {
  const auto found = in_flight_.find(id);
  check(found != in_flight_.end());
  Flight flight = found->second;
  in_flight_.erase(found);
  DiskRequest& request = *flight.request;

  const bool fails = flight.faulty && flight.fault != DiskFault::stall;
  const int64_t result = fails ? perform_faulty(flight) : perform(flight);
  uint64_t data = 0;
  if (request.operation == DiskOperation::write) data = flight.bytes_hash;
  if (request.path != nullptr) data = hash_of(std::string_view(request.path));
  loop_.fold("disk", {static_cast<uint64_t>(request.operation), flight.handle.file,
                      request.position, request.length_bytes, data, static_cast<uint64_t>(result)});
  flight.door->place().memory->unpin(bytes_of(request));
  if (on_completion_) on_completion_(request, result);
  complete_disk_request(request, result);
}

int64_t SimDisk::perform(Flight& flight) {
  DiskRequest& request = *flight.request;
  const SimStorage::FileNumber file = flight.handle.file;
  switch (request.operation) {
    case DiskOperation::open: return open(flight);
    case DiskOperation::close: return close(flight);
    case DiskOperation::read: return read(flight);
    case DiskOperation::write: return write(flight);
    case DiskOperation::flush: storage_.flush(file, flight.flush_point); return 0;
    case DiskOperation::flush_directory: return flush_directory(flight);
    case DiskOperation::allocate:
      if (!flight.handle.options.write) return -EBADF;
      return storage_.allocate(file, request.position);
    case DiskOperation::truncate:
      if (!flight.handle.options.write) return -EINVAL;
      return storage_.truncate(file, request.position);
    case DiskOperation::rename: return storage_.rename(request.path, request.path_to);
    case DiskOperation::remove: return storage_.remove(request.path);
    case DiskOperation::make_directory: return storage_.make_directory(request.path);
    case DiskOperation::list: return list(request);
    case DiskOperation::stat: return storage_.stat(request.path, *request.info);
    case DiskOperation::lock: return lock(flight);
    case DiskOperation::free_space: {
      const int64_t found = storage_.find(request.path);
      return found < 0 ? found : static_cast<int64_t>(storage_.free_bytes());
    }
  }
  return -EINVAL;
}

int64_t SimDisk::perform_faulty(Flight& flight) {
  DiskRequest& request = *flight.request;
  const SimStorage::FileNumber file = flight.handle.file;
  loop_.count("disk fault");
  if (request.operation == DiskOperation::write) check_unchanged(flight);
  if (flight.fault == DiskFault::full) return -ENOSPC;
  if (flight.fault == DiskFault::lost) {
    if (request.operation == DiskOperation::write)
      return static_cast<int64_t>(request.length_bytes);
    return perform(flight);
  }
  if (request.operation == DiskOperation::close) close(flight);  // gone all the same, as in Linux
  if (request.operation == DiskOperation::write) {
    storage_.write_partly(file, request.position, bytes_of(request), faults_);
  }
  if (request.operation == DiskOperation::flush) {
    storage_.fail_flush(file, flight.flush_point, faults_);
  }
  return -EIO;
}

FileId SimDisk::add_handle(const Flight& flight, SimStorage::FileNumber file, bool locks) {
  const FileId id{next_handle_++};
  handles_[id.value] = {
      .file = file, .options = flight.request->options, .door = flight.door, .locks = locks};
  storage_.opened(file);
  return id;
}

int64_t SimDisk::open(Flight& flight) {
  DiskRequest& request = *flight.request;
  const bool creates = request.options.create;
  const int64_t found = creates ? storage_.create(request.path) : storage_.find(request.path);
  if (found < 0) return found;
  const auto file = static_cast<SimStorage::FileNumber>(found);
  if (storage_.kind_of(file) == FileKind::directory) return -EISDIR;
  request.file = add_handle(flight, file, false);
  return 0;
}

int64_t SimDisk::lock(Flight& flight) {
  DiskRequest& request = *flight.request;
  int64_t found = storage_.find(request.path);
  if (found == -ENOENT) found = storage_.create(request.path);
  if (found < 0) return found;
  const auto file = static_cast<SimStorage::FileNumber>(found);
  if (storage_.kind_of(file) == FileKind::directory) return -EISDIR;
  const auto held = locked_until_ns_.find(file);
  if (held != locked_until_ns_.end() && held->second > loop_.now_ns()) return -EWOULDBLOCK;
  locked_until_ns_[file] = kHeld;
  request.file = add_handle(flight, file, true);
  return 0;
}

int64_t SimDisk::close(Flight& flight) {
  if (flight.handle.locks) locked_until_ns_.erase(flight.handle.file);
  storage_.closed(flight.handle.file);
  return 0;
}

int64_t SimDisk::read(Flight& flight) {
  DiskRequest& request = *flight.request;
  const SimStorage::FileNumber file = flight.handle.file;
  if (flight.handle.options.direct && misaligned(request)) return -EINVAL;
  const auto bad = unreadable_.find(file);
  if (bad != unreadable_.end()) {
    for (const Range& range : bad->second) {
      if (overlap(range.position, range.length_bytes, request.position, request.length_bytes)) {
        return -EIO;
      }
    }
  }
  const int64_t result = storage_.read(file, request.position, bytes_of(request));
  // A read that races with a write may see any of its sectors already.
  for (const auto& [id, other] : in_flight_) {
    if (other.request->operation != DiskOperation::write || other.handle.file != file) continue;
    constexpr uint64_t kSectorBytes = 512;
    const uint64_t start = std::max(request.position, other.request->position);
    const uint64_t end = std::min(request.position + static_cast<uint64_t>(result),
                                  other.request->position + other.request->length_bytes);
    for (uint64_t at = start; at < end; at += kSectorBytes) {
      if (!fates_.chance(0.5)) continue;
      std::memcpy(request.bytes + (at - request.position),
                  other.request->bytes + (at - other.request->position),
                  std::min(kSectorBytes, end - at));
    }
  }
  return result;
}

int64_t SimDisk::write(Flight& flight) {
  DiskRequest& request = *flight.request;
  check_unchanged(flight);
  if (!flight.handle.options.write) return -EBADF;
  if (flight.handle.options.direct && misaligned(request)) return -EINVAL;
  return storage_.write(flight.handle.file, request.position, bytes_of(request), request.durable);
}

void SimDisk::check_unchanged(const Flight& flight) const {
  loop_.require(
      options_.allow_buffer_changes || hash_of(bytes_of(*flight.request)) == flight.bytes_hash,
      "the bytes of a write changed while it was in flight");
}

int64_t SimDisk::flush_directory(Flight& flight) {
  const int64_t found = storage_.find(flight.request->path);
  if (found < 0) return found;
  const auto directory = static_cast<SimStorage::FileNumber>(found);
  if (storage_.kind_of(directory) != FileKind::directory) return -ENOTDIR;
  storage_.flush_directory(directory, flight.flush_point);
  return 0;
}

// In no order: nobody may come to rely on one.
int64_t SimDisk::list(DiskRequest& request) {
  std::vector<DirectoryEntry> entries;
  const int64_t result = storage_.list(request.path, entries);
  if (result < 0) return result;
  for (size_t index = entries.size(); index > 1; --index) {
    std::swap(entries[index - 1], entries[fates_.below(index)]);
  }
  request.entries->insert(request.entries->end(), entries.begin(), entries.end());
  return 0;
}

// Death.

// A request in flight when its process died: it may have happened, or in part.
void SimDisk::finish_after_death(Flight& flight, bool power_cut) {
  DiskRequest& request = *flight.request;
  if (flight.faulty && flight.fault != DiskFault::stall) return;
  const uint64_t fate = fates_.below(3);  // nothing, in part, all of it
  const bool happens = fate == 2;
  switch (request.operation) {
    case DiskOperation::write:
      if (!flight.handle.options.write) return;
      if (flight.handle.options.direct && misaligned(request)) return;
      check_unchanged(flight);
      if (happens) {
        storage_.write(flight.handle.file, request.position, bytes_of(request), request.durable);
      } else if (fate == 1) {
        storage_.write_partly(flight.handle.file, request.position, bytes_of(request), fates_);
        loop_.count(power_cut ? "write cut short by power loss" : "write cut short by a kill");
      }
      return;
    case DiskOperation::open:
      if (happens && request.options.create) storage_.create(request.path);
      return;
    case DiskOperation::lock:
      if (happens && !exists(request.path)) storage_.create(request.path);
      return;
    case DiskOperation::flush:
    case DiskOperation::flush_directory:
    case DiskOperation::allocate:
    case DiskOperation::truncate:
    case DiskOperation::rename:
    case DiskOperation::remove:
    case DiskOperation::make_directory:
      if (happens) perform(flight);
      return;
    case DiskOperation::close:
    case DiskOperation::read:
    case DiskOperation::list:
    case DiskOperation::stat:
    case DiskOperation::free_space: return;
  }
}

void SimDisk::crash(Crash kind) {
  const bool power_cut = kind != Crash::kill;
  loop_.count(power_cut ? "power cut" : "kill");
  // In any order: nothing was promised about the order of requests in flight.
  std::vector<Flight> unfinished;
  for (const auto& [id, flight] : in_flight_) unfinished.push_back(flight);
  in_flight_.clear();
  for (size_t index = unfinished.size(); index > 1; --index) {
    std::swap(unfinished[index - 1], unfinished[fates_.below(index)]);
  }
  if (kind != Crash::power_lose_all) {
    for (Flight& flight : unfinished) finish_after_death(flight, power_cut);
  }
  const uint64_t linger_ns = fates_.between(0, options_.lock_linger_ns_max);
  for (auto at = locked_until_ns_.begin(); at != locked_until_ns_.end();) {
    if (power_cut) {
      at = locked_until_ns_.erase(at);
    } else {
      if (at->second == kHeld) at->second = loop_.now_ns() + linger_ns;
      ++at;
    }
  }
  handles_.clear();
  if (!power_cut) {
    storage_.all_closed();
    return;
  }
  Survival survival;
  if (kind == Crash::power_keep_all) {
    survival = {.data = 1, .torn = 0, .conversion = 1, .size = 1, .names = 1};
  }
  if (kind == Crash::power) {
    // Each ratio is nothing, everything or something, so that each kind of loss also comes alone.
    const auto draw = [this] {
      const uint64_t choice = fates_.below(4);
      if (choice < 2) return static_cast<double>(choice);
      return static_cast<double>(fates_.below(1000)) / 1000;
    };
    survival.data = draw();
    survival.torn = draw();
    survival.conversion = draw();
    survival.size = draw();
    survival.names = draw();
  }
  storage_.cut_power(survival, fates_);
}

// Damage and inspection.

SimStorage::FileNumber SimDisk::file_at(const std::string& path) const {
  const int64_t found = storage_.find(path);
  loop_.require(found > 0, "a test named a file that is not there");
  return static_cast<SimStorage::FileNumber>(found);
}

void SimDisk::flip_bit(const std::string& path, uint64_t position, unsigned bit) {
  std::byte value{};
  storage_.read(file_at(path), position, {&value, 1});
  value ^= std::byte{1} << (bit % 8);
  overwrite(path, position, {&value, 1});
}

void SimDisk::overwrite(const std::string& path, uint64_t position,
                        std::span<const std::byte> bytes) {
  storage_.overwrite_at_rest(file_at(path), position, bytes);
}

void SimDisk::truncate(const std::string& path, uint64_t length_bytes) {
  storage_.truncate_at_rest(file_at(path), length_bytes);
}

void SimDisk::mark_shared_extents(const std::string& path) {
  storage_.set_shared_extents(file_at(path), true);
}

void SimDisk::link(const std::string& path, const std::string& to) {
  loop_.require(storage_.link(path, to) == 0, "a test made a link that cannot be");
}

void SimDisk::make_unreadable(const std::string& path, uint64_t position, uint64_t length_bytes) {
  unreadable_[file_at(path)].push_back({.position = position, .length_bytes = length_bytes});
}

size_t SimDisk::writes_in_flight_count() const {
  return static_cast<size_t>(std::ranges::count_if(in_flight_, [](const auto& flight) {
    return flight.second.request->operation == DiskOperation::write;
  }));
}

std::vector<std::byte> SimDisk::contents(const std::string& path) const {
  const int64_t found = storage_.find(path);
  if (found < 0) return {};
  const auto file = static_cast<SimStorage::FileNumber>(found);
  std::vector<std::byte> bytes(storage_.size_of(file));
  storage_.read(file, 0, bytes);
  return bytes;
}

std::vector<std::string> SimDisk::names(const std::string& directory) const {
  std::vector<DirectoryEntry> entries;
  storage_.list(directory, entries);
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : entries) names.push_back(entry.name);
  return names;
}

}  // namespace penstock::sim
