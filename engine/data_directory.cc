#include "engine/data_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "engine/file_io.h"
#include "engine/frame.h"
#include "engine/segment_header.h"

namespace penstock {
namespace {

constexpr char kMagic[] = "PENMETA1";
constexpr uint32_t kVersion = 2;
constexpr size_t kMetaBytes = 4096;
constexpr size_t kChecksumPosition = 40;
constexpr size_t kMembersPosition = 72;
constexpr size_t kMemberBytes = 128;
constexpr size_t kPathBytesMax = 110;
static_assert(kMembersPosition + kDirectoriesMax * kMemberBytes <= kMetaBytes);
constexpr const char* kMetaNames[] = {"meta-a", "meta-b"};

uint64_t checksum_of_meta(std::span<const std::byte> bytes) {
  std::vector<std::byte> copy(bytes.begin(), bytes.begin() + kMetaBytes);
  store(copy.data() + kChecksumPosition, uint64_t{0});
  return xxh3_64(copy);
}

std::vector<std::byte> encode_meta(const DirectoryMeta& meta) {
  std::vector<std::byte> bytes(kMetaBytes);
  std::memcpy(bytes.data(), kMagic, 8);
  store(bytes.data() + 8, kVersion);
  store(bytes.data() + 12, meta.reactor_count);
  store(bytes.data() + 16, meta.directory_id.high);
  store(bytes.data() + 24, meta.directory_id.low);
  store(bytes.data() + 32, meta.incarnation);
  store(bytes.data() + 48, meta.primary_id.high);
  store(bytes.data() + 56, meta.primary_id.low);
  check(meta.members.size() <= kDirectoriesMax);
  store(bytes.data() + 64, uint64_t{meta.members.size()});
  std::byte* at = bytes.data() + kMembersPosition;
  for (const DirectoryMember& member : meta.members) {
    const size_t path_bytes = std::min(member.path.size(), kPathBytesMax);
    store(at, member.directory_id.high);
    store(at + 8, member.directory_id.low);
    store(at + 16, static_cast<uint16_t>(path_bytes));
    std::memcpy(at + 18, member.path.data() + member.path.size() - path_bytes, path_bytes);
    at += kMemberBytes;
  }
  store(bytes.data() + kChecksumPosition, checksum_of_meta(bytes));
  return bytes;
}

Result<DirectoryMeta> decode_meta(std::span<const std::byte> bytes) {
  if (bytes.size() < kMetaBytes || std::memcmp(bytes.data(), kMagic, 8) != 0) {
    return Error::corrupt;
  }
  if (load<uint64_t>(bytes.data() + kChecksumPosition) != checksum_of_meta(bytes)) {
    return Error::corrupt;
  }
  if (load<uint32_t>(bytes.data() + 8) != kVersion) return Error::unsupported;
  DirectoryMeta meta;
  meta.reactor_count = load<uint32_t>(bytes.data() + 12);
  meta.directory_id = {load<uint64_t>(bytes.data() + 16), load<uint64_t>(bytes.data() + 24)};
  meta.incarnation = load<uint64_t>(bytes.data() + 32);
  constexpr uint32_t kReactorsMax = 4096;
  if (meta.reactor_count == 0 || meta.reactor_count > kReactorsMax) return Error::corrupt;
  meta.primary_id = {load<uint64_t>(bytes.data() + 48), load<uint64_t>(bytes.data() + 56)};
  const uint64_t member_count = load<uint64_t>(bytes.data() + 64);
  if (member_count > kDirectoriesMax) return Error::corrupt;
  const std::byte* at = bytes.data() + kMembersPosition;
  for (uint64_t i = 0; i < member_count; ++i, at += kMemberBytes) {
    DirectoryMember member;
    member.directory_id = {load<uint64_t>(at), load<uint64_t>(at + 8)};
    const size_t path_bytes = load<uint16_t>(at + 16);
    if (path_bytes > kPathBytesMax) return Error::corrupt;
    member.path.assign(reinterpret_cast<const char*>(at + 18), path_bytes);
    meta.members.push_back(std::move(member));
  }
  return meta;
}

std::string reason_of(Error error) {
  switch (error) {
    case Error::corrupt: return "fails its checksum";
    case Error::unsupported: return "was made by another version";
    default: return fmt::format("cannot be read: {}", name_of(error));
  }
}

// Of two copies the newer one; a single damaged one does no harm.
Task<Result<DirectoryMeta>> load_meta(Doors& doors, const std::string& directory,
                                      Refusal& refusal) {
  DirectoryMeta best;
  bool found = false;
  Error worst = Error::not_found;
  const std::vector<MetaCopy> copies = co_await read_meta_copies(doors, directory);
  for (const auto& [path, meta] : copies) {
    if (!meta.ok()) {
      if (meta.error() == Error::not_found) continue;
      worst = meta.error();
      refusal.reason = fmt::format("{} {}", path, reason_of(worst));
      continue;
    }
    if (!found || meta.value().incarnation > best.incarnation) best = meta.value();
    found = true;
  }
  if (!found) co_return worst;
  co_return best;
}

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_segment_name(std::string_view name) { return name.ends_with(".segment"); }

std::optional<uint64_t> segment_number(std::string_view name) {
  uint64_t number = 0;
  const char* end = name.data() + name.size() - std::string_view(".segment").size();
  const auto parsed = std::from_chars(name.data(), end, number, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

// A file the journals do not know has frames of its header's life only if a journal has lost the record of it.
Task<Result<bool>> holds_frames(Doors& doors, const std::string& path,
                                const TopicId& directory_id) {
  FileOptions options;
  options.write = false;
  const Result<FileId> file = co_await doors.disk.open(path, options);
  if (!file.ok()) co_return file.error();
  Result<Buffer> buffer = co_await allocate_buffer(doors, 2 * kDiskBlockBytes);
  Result<uint64_t> read = Error::busy;
  if (buffer.ok()) {
    read = co_await doors.disk.read(file.value(), 0, buffer.value().bytes());
  }
  (void)co_await doors.disk.close(file.value());
  if (!read.ok()) co_return read.error();
  const std::span<const std::byte> bytes = buffer.value().bytes().first(read.value());
  const Result<SegmentHeader> header = decode_segment_header(bytes);
  if (!header.ok() || header.value().directory_id != directory_id) co_return false;
  if (bytes.size() < kSegmentHeaderBytes + kFrameHeaderBytes) co_return false;
  const uint64_t seed =
      frame_seed(segment_seed(header.value().key, header.value().generation), kSegmentHeaderBytes);
  co_return decode_frame_header(bytes.data() + kSegmentHeaderBytes, seed).has_value();
}

// Sealed segments are opened at their first use only: what can be seen of their damage at once is told at once.
void report_missing(Doors& doors, const std::string& segments,
                    const std::vector<DirectoryEntry>& entries, const DirectoryContents& contents) {
  std::set<uint64_t> there;
  for (const DirectoryEntry& entry : entries) {
    if (!is_segment_name(entry.name)) continue;
    if (const std::optional<uint64_t> number = segment_number(entry.name)) there.insert(*number);
  }
  for (const auto& [key, partition] : contents.state.partitions) {
    for (const SegmentState& segment : partition.segments) {
      if (!segment.sealed || there.contains(segment.file_number)) continue;
      doors.reporter.report(
          Severity::error,
          fmt::format("partition {}: {}/{:016x}.segment is missing: reads of what it held are "
                      "refused",
                      to_string(key), segments, segment.file_number));
    }
  }
}

Task<Result<void>> find_orphans(Doors& doors, const std::string& directory,
                                DirectoryContents& contents, Refusal& refusal) {
  std::set<uint64_t> known;
  for (const auto& [number, file] : contents.state.pool) known.insert(number);
  for (const auto& [key, partition] : contents.state.partitions) {
    for (const SegmentState& segment : partition.segments) known.insert(segment.file_number);
  }
  const std::string segments = directory + "/segments";
  std::vector<DirectoryEntry> entries;
  const Result<uint64_t> listed = co_await doors.disk.list(segments, entries);
  if (!listed.ok() && listed.error() == Error::not_found) co_return Result<void>();
  if (!listed.ok()) co_return listed.error();
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  report_missing(doors, segments, entries, contents);
  for (const DirectoryEntry& entry : entries) {
    if (!is_segment_name(entry.name) || entry.kind != FileKind::regular) continue;
    const std::optional<uint64_t> number = segment_number(entry.name);
    if (number && known.contains(*number)) continue;
    const std::string path = fmt::format("{}/{}", segments, entry.name);
    const Result<bool> frames = co_await holds_frames(doors, path, contents.meta.directory_id);
    if (!frames.ok()) co_return frames.error();
    if (frames.value() || !number) {
      refusal.reason = fmt::format(
          "{} holds records, but no journal knows it: a journal has lost records, or the file was "
          "copied in",
          path);
      co_return Error::corrupt;
    }
    contents.orphans.push_back(path);
  }
  co_return Result<void>();
}

Task<Result<void>> load_journals(Doors& doors, const std::string& directory,
                                 DirectoryContents& contents, Refusal& refusal) {
  for (uint32_t reactor = 0; reactor < contents.meta.reactor_count; ++reactor) {
    JournalDamage damage;
    const JournalIdentity identity{contents.meta.directory_id, contents.meta.incarnation, reactor};
    Result<LoadedJournal> loaded = co_await load_journal(doors, directory, identity, damage);
    if (!loaded.ok()) {
      refusal.reason =
          fmt::format("{} at byte {}: {}", damage.path, damage.position,
                      damage.reason.empty() ? name_of(loaded.error()) : damage.reason.c_str());
      // A journal that should be there and is not is damage too.
      co_return loaded.error() == Error::not_found ? Error::corrupt : loaded.error();
    }
    contents.state.partitions.merge(loaded.value().state.partitions);
    contents.state.producers.merge(loaded.value().state.producers);
    contents.state.pool.merge(loaded.value().state.pool);
    if (!loaded.value().state.partitions.empty()) {
      refusal.reason = fmt::format("two journals in {} claim the same partition", directory);
      co_return Error::corrupt;
    }
  }
  co_return Result<void>();
}

}  // namespace

Task<std::vector<MetaCopy>> read_meta_copies(Doors& doors, const std::string& directory) {
  std::vector<MetaCopy> copies;
  for (const char* name : kMetaNames) {
    const std::string path = fmt::format("{}/{}", directory, name);
    const Result<std::vector<std::byte>> bytes = co_await read_small_file(doors, path);
    if (bytes.ok()) {
      copies.push_back({path, decode_meta(bytes.value())});
    } else {
      copies.push_back({path, bytes.error()});
    }
  }
  co_return copies;
}

std::string lock_path(const std::string& directory) { return directory + "/lock"; }

Task<Result<FileId>> lock_directory(Doors& doors, const std::string& directory,
                                    uint64_t patience_ns, Refusal& refusal) {
  const std::string segments = directory + "/segments";
  const std::vector<std::string> paths = {directory, segments};
  bool fresh = false;
  for (const std::string& path : paths) {
    const Result<uint64_t> made = co_await doors.disk.make_directory(path);
    fresh = fresh || made.ok();
    if (made.ok() || made.error() == Error::already_exists) continue;
    refusal.reason = fmt::format("{} cannot be made: {}", path, name_of(made.error()));
    co_return made.error();
  }
  // Without its name on stable storage the directory goes with all that is in it. Flushing is tried also if it was
  // there: whoever made it may have died before this. Then a parent that cannot be opened is no reason to refuse.
  const std::string parent = parent_of(directory);
  const Result<uint64_t> named = co_await doors.disk.flush_directory(parent);
  if (!named.ok() && fresh) {
    refusal.reason = fmt::format("{} cannot be flushed: {}", parent, name_of(named.error()));
    co_return named.error();
  }
  const std::string path = lock_path(directory);
  const uint64_t give_up_ns = doors.clock.monotonic_ns() + patience_ns;
  uint64_t pause_ns = 5'000'000;
  for (;;) {
    const Result<FileId> lock = co_await doors.disk.lock(path);
    if (lock.ok()) co_return lock;
    if (lock.error() != Error::locked || doors.clock.monotonic_ns() >= give_up_ns) {
      refusal.reason = lock.error() == Error::locked
                           ? fmt::format("{} is open in another process", directory)
                           : fmt::format("{} cannot be locked: {}", path, name_of(lock.error()));
      co_return lock.error();
    }
    co_await doors.clock.sleep_for(pause_ns);
    pause_ns = std::min<uint64_t>(pause_ns * 2, 200'000'000);
  }
}

Task<Result<DirectoryContents>> load_directory(Doors& doors, const std::string& directory,
                                               Refusal& refusal) {
  DirectoryContents contents;
  const Result<DirectoryMeta> meta = co_await load_meta(doors, directory, refusal);
  if (!meta.ok() && meta.error() != Error::not_found) co_return meta.error();
  contents.fresh = !meta.ok();
  if (meta.ok()) {
    contents.meta = meta.value();
    const Result<void> loaded = co_await load_journals(doors, directory, contents, refusal);
    if (!loaded.ok()) co_return loaded.error();
    const Result<void> found = co_await find_orphans(doors, directory, contents, refusal);
    if (!found.ok()) co_return found.error();
    co_return contents;
  }
  std::vector<DirectoryEntry> entries;
  const std::string segments = directory + "/segments";
  const Result<uint64_t> listed = co_await doors.disk.list(segments, entries);
  if (!listed.ok() && listed.error() != Error::not_found) co_return listed.error();
  if (std::ranges::any_of(entries, [](const auto& entry) { return is_segment_name(entry.name); })) {
    refusal.reason = fmt::format("{} holds segments, but meta-a and meta-b are missing", directory);
    co_return Error::corrupt;
  }
  contents.meta.directory_id = {doors.random.next(), doors.random.next()};
  co_return contents;
}

Task<Result<void>> commit_directory(Doors& doors, const std::string& directory,
                                    const DirectoryMeta& meta) {
  const std::vector<std::byte> bytes = encode_meta(meta);
  for (const char* name : kMetaNames) {
    const std::string path = fmt::format("{}/{}", directory, name);
    const Result<void> replaced = co_await replace_small_file(doors, path, bytes);
    if (!replaced.ok()) co_return replaced.error();
    const Result<uint64_t> flushed = co_await doors.disk.flush_directory(directory);
    if (!flushed.ok()) co_return flushed.error();
  }
  co_return Result<void>();
}

Task<void> clean_directory(Doors& doors, const std::string& directory, const DirectoryMeta& meta,
                           const std::vector<std::string>& orphans) {
  for (const std::string& path : orphans) (void)co_await doors.disk.remove(path);
  std::vector<DirectoryEntry> entries;
  (void)co_await doors.disk.list(directory, entries);
  const std::string current = fmt::format("journal-{}-", meta.incarnation);
  for (const DirectoryEntry& entry : entries) {
    const bool old_journal = entry.name.starts_with("journal-") && !entry.name.starts_with(current);
    const bool unfinished = entry.name.ends_with(".new");
    if (!old_journal && !unfinished) continue;
    const std::string path = fmt::format("{}/{}", directory, entry.name);
    (void)co_await doors.disk.remove(path);
  }
}

}  // namespace penstock
