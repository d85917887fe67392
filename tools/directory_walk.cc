#include "tools/directory_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/catalog.h"
#include "engine/file_io.h"
#include "engine/segment_header.h"
#include "tools/partition_walk.h"

namespace penstock {
namespace {

constexpr char kCatalogName[] = "(catalog)";

std::string describe(Error error) {
  switch (error) {
    case Error::not_found: return "missing";
    case Error::corrupt: return "fails its checksum";
    case Error::unsupported: return "was made by another version";
    default: return fmt::format("cannot be read: {}", name_of(error));
  }
}

// Applies the records of the catalog as they come; what is wrong with its frames is told by the walk that tells.
class CatalogReader : public LogVisitor {
 public:
  explicit CatalogReader(CatalogSnapshot& catalog) : catalog_(catalog) {}

  void frame(const FrameView& frame) override {
    if (frame.header.kind != FrameKind::opaque || !frame.whole) return;
    const Result<void> applied = apply_catalog_records(frame.payload, TopicConfig(), catalog_);
    if (!applied.ok() && !unreadable_) unreadable_ = frame.header.base_offset;
  }
  std::optional<Offset> unreadable() const { return unreadable_; }

 private:
  CatalogSnapshot& catalog_;
  std::optional<Offset> unreadable_;
};

}  // namespace

DirectoryWalk::DirectoryWalk(Doors& doors, Options options, LogVisitor& visitor)
    : doors_(doors), options_(std::move(options)), visitor_(visitor) {}

void DirectoryWalk::tell(Finding::Kind kind, const std::string& path,
                         std::optional<uint64_t> position, std::string reason) {
  Finding finding;
  finding.kind = kind;
  finding.path = path;
  finding.position = position;
  finding.reason = std::move(reason);
  visitor_.finding(finding);
}

std::string DirectoryWalk::name_of_topic(const TopicId& id) const {
  if (id == kCatalogPartition.topic) return kCatalogName;
  const Topic* topic = catalog_.find(id);
  return topic == nullptr ? to_string(id) : topic->name;
}

bool DirectoryWalk::wanted(const PartitionKey& key) const {
  if (options_.partition && *options_.partition != key.partition) return false;
  if (!options_.topic) return true;
  return *options_.topic == name_of_topic(key.topic) || *options_.topic == to_string(key.topic);
}

Task<Result<void>> DirectoryWalk::run() {
  FileInfo info;
  const Result<uint64_t> found = co_await doors_.disk.stat(options_.directory, info);
  if (!found.ok()) co_return found.error();
  const std::optional<DirectoryMeta> meta = co_await walk_meta();
  if (!meta) co_return Result<void>();
  const Result<void> journals = co_await walk_journals(*meta);
  if (!journals.ok()) co_return journals.error();
  const Result<void> catalog = co_await read_catalog(*meta);
  if (!catalog.ok()) co_return catalog.error();
  const Result<void> unknown = co_await walk_unknown_files(*meta);
  if (!unknown.ok()) co_return unknown.error();
  co_return co_await walk_partitions(*meta);
}

// The newer copy counts. An older one beside it is what a crash in the middle of an opening leaves.
Task<std::optional<DirectoryMeta>> DirectoryWalk::walk_meta() {
  const std::vector<MetaCopy> copies = co_await read_meta_copies(doors_, options_.directory);
  std::optional<DirectoryMeta> best;
  bool any = false;
  for (const auto& [path, meta] : copies) {
    if (meta.ok() && (!best || meta.value().incarnation > best->incarnation)) best = meta.value();
    any = any || meta.ok() || meta.error() != Error::not_found;
  }
  if (best) visitor_.directory(options_.directory, *best);
  if (!any) {
    std::vector<DirectoryEntry> segments;
    const std::string path = options_.directory + "/segments";
    (void)co_await doors_.disk.list(path, segments);
    const bool holds = std::ranges::any_of(
        segments, [](const auto& entry) { return entry.name.ends_with(".segment"); });
    tell(holds ? Finding::Kind::damage : Finding::Kind::note, options_.directory, std::nullopt,
         holds ? "holds segments, but meta-a and meta-b are missing"
               : "holds no data: no server has opened it yet");
    co_return best;
  }
  for (const auto& [path, meta] : copies) {
    CopyView view{path, meta.ok() ? "whole" : describe(meta.error())};
    if (meta.ok() && meta.value().incarnation < best->incarnation) view.state = "older";
    visitor_.meta_copy(view);
    if (meta.ok()) continue;
    // The very first opening writes one copy, then the other.
    const bool first_opening = meta.error() == Error::not_found && best && best->incarnation == 1;
    tell(first_opening ? Finding::Kind::note : Finding::Kind::damage, path, 0, view.state);
  }
  co_return best;
}

Task<Result<void>> DirectoryWalk::walk_journals(const DirectoryMeta& meta) {
  for (uint32_t reactor = 0; reactor < meta.reactor_count; ++reactor) {
    const JournalIdentity identity{meta.directory_id, meta.incarnation, reactor};
    const Result<void> walked = co_await walk_journal(identity);
    if (!walked.ok()) co_return walked.error();
  }
  for (const auto& [number, file] : state_.pool) visitor_.pool_file(file);
  co_return Result<void>();
}

Task<Result<void>> DirectoryWalk::walk_journal(JournalIdentity identity) {
  Result<std::vector<JournalCopy>> copies =
      co_await read_journal_copies(doors_, options_.directory, identity);
  const std::string path =
      journal_path(options_.directory, identity.incarnation, identity.reactor, 'a');
  if (!copies.ok()) {
    if (copies.error() == Error::busy) co_return Error::busy;
    tell(Finding::Kind::damage, path, std::nullopt, describe(copies.error()));
    co_return Result<void>();
  }
  for (const JournalCopy& copy : copies.value()) {
    const bool bad = !copy.present || copy.damaged;
    visitor_.journal_copy({copy.path, bad ? copy.reason : "whole", copy.records.size()});
    if (bad) tell(Finding::Kind::damage, copy.path, copy.damage_position, copy.reason);
  }
  JournalDamage damage;
  Result<LoadedJournal> loaded =
      co_await load_journal(doors_, options_.directory, identity, damage);
  if (!loaded.ok()) {
    const bool told = std::ranges::any_of(copies.value(), [&](const JournalCopy& copy) {
      return copy.path == damage.path && copy.damaged;
    });
    if (!told && loaded.error() != Error::not_found) {
      tell(Finding::Kind::damage, damage.path, damage.position, damage.reason);
    }
    co_return Result<void>();
  }
  state_.partitions.merge(loaded.value().state.partitions);
  state_.pool.merge(loaded.value().state.pool);
  for (const auto& [key, partition] : loaded.value().state.partitions) {
    tell(Finding::Kind::damage, path, std::nullopt,
         fmt::format("claims partition {}, as another journal does", to_string(key)));
  }
  co_return Result<void>();
}

Task<Result<void>> DirectoryWalk::read_catalog(const DirectoryMeta& meta) {
  const auto log = state_.partitions.find(kCatalogPartition);
  if (log == state_.partitions.end()) co_return Result<void>();
  CatalogReader reader(catalog_);
  PartitionWalk walk(doors_, options_.directory, meta.directory_id, kCatalogName, log->second,
                     reader);
  const Result<void> walked = co_await walk.run();
  if (!walked.ok()) co_return walked.error();
  for (const auto& [name, topic] : catalog_.topics()) visitor_.topic(*topic);
  if (!reader.unreadable()) co_return Result<void>();
  Finding finding;
  finding.topic = kCatalogName;
  finding.offset = *reader.unreadable();
  finding.reason = "holds no record of the catalog";
  visitor_.finding(finding);
  co_return Result<void>();
}

// Files in `segments` that no journal knows. Left by a crash they hold nothing; else a journal has lost records.
Task<Result<void>> DirectoryWalk::walk_unknown_files(const DirectoryMeta& meta) {
  std::set<std::string> known;
  const auto add = [&](uint64_t number) { known.insert(fmt::format("{:016x}.segment", number)); };
  for (const auto& [number, file] : state_.pool) add(number);
  for (const auto& [key, partition] : state_.partitions) {
    for (const SegmentState& segment : partition.segments) add(segment.file_number);
  }
  std::vector<DirectoryEntry> entries;
  const std::string segments = options_.directory + "/segments";
  const Result<uint64_t> listed = co_await doors_.disk.list(segments, entries);
  if (!listed.ok()) {
    tell(Finding::Kind::damage, segments, std::nullopt, describe(listed.error()));
    co_return Result<void>();
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  for (const DirectoryEntry& entry : entries) {
    if (known.contains(entry.name)) continue;
    const std::string path = fmt::format("{}/{}", segments, entry.name);
    if (entry.kind != FileKind::regular || !entry.name.ends_with(".segment")) {
      tell(Finding::Kind::note, path, std::nullopt, "is nothing of ours");
      continue;
    }
    const Result<void> walked = co_await walk_unknown_file(path, meta);
    if (!walked.ok()) co_return walked.error();
  }
  co_return Result<void>();
}

Task<Result<void>> DirectoryWalk::walk_unknown_file(const std::string& path,
                                                    const DirectoryMeta& meta) {
  FileOptions options;
  options.write = false;
  const Result<FileId> file = co_await doors_.disk.open(path, options);
  if (!file.ok()) {
    tell(Finding::Kind::damage, path, std::nullopt, describe(file.error()));
    co_return Result<void>();
  }
  Result<Buffer> buffer = co_await allocate_buffer(doors_, 2 * kDiskBlockBytes);
  Result<uint64_t> read = Error::busy;
  if (buffer.ok()) read = co_await doors_.disk.read(file.value(), 0, buffer.value().bytes());
  (void)co_await doors_.disk.close(file.value());
  if (!buffer.ok()) co_return buffer.error();
  const std::span<const std::byte> bytes =
      buffer.value().bytes().first(read.ok() ? read.value() : 0);
  const Result<SegmentHeader> header = decode_segment_header(bytes);
  const bool ours = header.ok() && header.value().directory_id == meta.directory_id;
  bool frames = false;
  if (ours && bytes.size() >= kSegmentHeaderBytes + kFrameHeaderBytes) {
    const uint64_t seed = frame_seed(segment_seed(header.value().key, header.value().generation),
                                     kSegmentHeaderBytes);
    frames = decode_frame_header(bytes.data() + kSegmentHeaderBytes, seed).has_value();
  }
  if (!frames) {
    tell(Finding::Kind::note, path, std::nullopt, "belongs to nobody: left by a crash");
    co_return Result<void>();
  }
  Finding finding;
  finding.topic = name_of_topic(header.value().key.topic);
  finding.partition = header.value().key.partition;
  finding.offset = header.value().base_offset;
  finding.path = path;
  finding.position = 0;
  finding.reason = "holds records, but no journal knows it";
  visitor_.finding(finding);
  co_return Result<void>();
}

Task<Result<void>> DirectoryWalk::walk_partitions(const DirectoryMeta& meta) {
  bool any = false;
  for (const auto& [key, state] : state_.partitions) {
    if (!wanted(key)) continue;
    any = true;
    const Topic* topic = catalog_.find(key.topic);
    if (key != kCatalogPartition && (topic == nullptr || key.partition >= topic->partition_count)) {
      tell(Finding::Kind::note, options_.directory, std::nullopt,
           fmt::format("no topic has partition {}: the next start gives its files back",
                       to_string(key)));
    }
    PartitionWalk walk(doors_, options_.directory, meta.directory_id, name_of_topic(key.topic),
                       state, visitor_);
    const Result<void> walked = co_await walk.run();
    if (!walked.ok()) co_return walked.error();
  }
  for (const auto& [name, topic] : catalog_.topics()) {
    const uint32_t partition = options_.partition.value_or(0);
    any = any || (partition < topic->partition_count && wanted({topic->id, partition}));
  }
  const bool asked = options_.topic.has_value() || options_.partition.has_value();
  if (asked && !any) co_return Error::not_found;
  co_return Result<void>();
}

}  // namespace penstock
