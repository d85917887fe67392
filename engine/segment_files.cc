#include "engine/segment_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/file_io.h"

namespace penstock {

SegmentFiles::SegmentFiles(Doors& doors, std::string directory, TopicId directory_id,
                           Journal& journal, FlushStream& flushes, FlushListener& listener,
                           Options options)
    : doors_(doors),
      directory_(std::move(directory)),
      directory_id_(directory_id),
      journal_(journal),
      flushes_(flushes),
      listener_(listener),
      options_(std::move(options)) {}

std::string SegmentFiles::path_of(uint64_t file_number) const {
  return fmt::format("{}/{:016x}.segment", directory_, file_number);
}

void SegmentFiles::begin() {
  for (const auto& [number, file] : journal_.state().pool) give_free(number);
}

void SegmentFiles::give_free(uint64_t file_number) {
  const PoolFile& file = journal_.state().pool.at(file_number);
  if (free_[file.file_bytes].insert({file.written_bytes, file_number}).second) {
    free_bytes_ += file.file_bytes;
  }
}

std::optional<uint64_t> SegmentFiles::take_free(uint64_t file_bytes) {
  const auto found = free_.find(file_bytes);
  if (found == free_.end()) return std::nullopt;
  const auto most_written = std::prev(found->second.end());
  const uint64_t file_number = most_written->file_number;
  found->second.erase(most_written);
  if (found->second.empty()) free_.erase(found);
  free_bytes_ -= file_bytes;
  return file_number;
}

Task<Result<SegmentFiles::Prepared>> SegmentFiles::prepare(size_t size_class, uint64_t bytes_min) {
  while (size_class < class_count() && class_bytes(size_class) < bytes_min) ++size_class;
  if (size_class == class_count()) co_return Error::too_large;
  Result<Prepared> prepared = co_await prepare_or_make(class_bytes(size_class));
  // The disk is full. It may have room for a smaller file, and the pool a smaller or a larger one.
  const auto full = [&prepared] { return !prepared.ok() && prepared.error() == Error::disk_full; };
  for (size_t next = size_class; full() && next > 0 && class_bytes(next - 1) >= bytes_min; --next) {
    prepared = co_await prepare_or_make(class_bytes(next - 1));
  }
  for (size_t next = size_class + 1; full() && next < class_count(); ++next) {
    Result<Prepared> pooled = co_await prepare_pooled(class_bytes(next));
    if (pooled.ok()) prepared = std::move(pooled);
  }
  co_return prepared;
}

Task<Result<SegmentFiles::Prepared>> SegmentFiles::prepare_ahead(size_t size_class) {
  const uint64_t counted = class_bytes(size_class);
  ahead_bytes_ += counted;
  Result<Prepared> prepared = co_await prepare_or_make(counted);
  if (prepared.ok()) {
    prepared.value().ahead = true;
  } else {
    ahead_bytes_ -= counted;
  }
  co_return prepared;
}

// Error::not_found: none of this size is in the pool.
Task<Result<SegmentFiles::Prepared>> SegmentFiles::prepare_pooled(uint64_t file_bytes) {
  while (const std::optional<uint64_t> file_number = take_free(file_bytes)) {
    Result<Prepared> prepared = co_await open_pooled(journal_.state().pool.at(*file_number));
    if (prepared.ok() || prepared.error() != Error::not_found) co_return prepared;
  }
  co_return Error::not_found;
}

Task<Result<SegmentFiles::Prepared>> SegmentFiles::prepare_or_make(uint64_t file_bytes) {
  Result<Prepared> pooled = co_await prepare_pooled(file_bytes);
  if (pooled.ok() || pooled.error() != Error::not_found) co_return pooled;
  co_return co_await make_file(file_bytes);
}

// Error::not_found: this one is not fit for use and has left the pool; try another.
Task<Result<SegmentFiles::Prepared>> SegmentFiles::open_pooled(PoolFile pooled) {
  Prepared prepared;
  prepared.file_number = pooled.file_number;
  prepared.file_bytes = pooled.file_bytes;
  prepared.written_bytes = std::max<uint64_t>(pooled.written_bytes, kSegmentHeaderBytes);
  const std::string path = path_of(prepared.file_number);
  FileInfo info;
  const Result<uint64_t> found = co_await doors_.disk.stat(path, info);
  const bool fit = found.ok() && info.kind == FileKind::regular && info.link_count == 1 &&
                   !info.shared_extents && info.size_bytes == prepared.file_bytes;
  if (!fit) {
    co_await remove_pooled(prepared.file_number);
    co_return Error::not_found;
  }
  const Result<FileId> file = co_await doors_.disk.open(path, FileOptions{});
  if (!file.ok()) {
    give_free(prepared.file_number);
    co_return file.error();
  }
  prepared.file = file.value();
  co_return prepared;
}

// Its first block is blank: until it has a header, no start takes it for a segment.
Task<Result<SegmentFiles::Prepared>> SegmentFiles::make_file(uint64_t file_bytes) {
  Prepared prepared;
  prepared.file_number = doors_.random.next() | 1;  // 0 is "none"
  prepared.file_bytes = file_bytes;
  prepared.written_bytes = kSegmentHeaderBytes;
  const std::string path = path_of(prepared.file_number);
  const std::vector<std::byte> blank(kSegmentHeaderBytes);
  const Result<FileId> file = co_await create_file(doors_, path, file_bytes, blank, &listener_);
  if (!file.ok()) co_return file.error();
  prepared.file = file.value();
  const Result<uint64_t> flushed = co_await doors_.disk.flush_directory(directory_);
  if (!flushed.ok()) {
    co_await put_back(prepared);
    co_return flushed.error();
  }
  co_return prepared;
}

// The pool's stays there, a new one goes.
Task<void> SegmentFiles::put_back(Prepared prepared) {
  if (prepared.ahead) ahead_bytes_ -= prepared.file_bytes;
  (void)co_await doors_.disk.close(prepared.file);
  if (journal_.state().pool.contains(prepared.file_number)) {
    give_free(prepared.file_number);
    co_return;
  }
  const std::string path = path_of(prepared.file_number);
  (void)co_await doors_.disk.remove(path);
}

Task<Result<SegmentFiles::Taken>> SegmentFiles::take(const PartitionKey& key, Offset base_offset,
                                                     Prepared prepared) {
  SegmentHeader header;
  header.directory_id = directory_id_;
  header.key = key;
  header.base_offset = base_offset;
  header.generation = {doors_.random.next()};
  header.file_bytes = prepared.file_bytes;
  const Result<void> written = co_await write_header(prepared.file, header);
  if (!written.ok()) {
    co_await put_back(prepared);
    co_return written.error();
  }
  if (prepared.ahead) ahead_bytes_ -= prepared.file_bytes;
  Taken taken;
  taken.state.file_number = prepared.file_number;
  taken.state.file_bytes = prepared.file_bytes;
  taken.state.written_bytes = prepared.written_bytes;
  taken.state.base_offset = base_offset;
  taken.state.generations = {{kSegmentHeaderBytes, header.generation}};
  taken.file = prepared.file;
  co_return taken;
}

// Durably; over a block that was written when the file was made.
Task<Result<void>> SegmentFiles::write_header(FileId file, const SegmentHeader& header) {
  Result<Buffer> block = co_await allocate_buffer(doors_, kSegmentHeaderBytes);
  if (!block.ok()) co_return block.error();
  const std::span<std::byte> bytes = block.value().bytes().first(kSegmentHeaderBytes);
  encode_segment_header(header, bytes);
  const DiskRequest request{.operation = DiskOperation::write,
                            .file = file,
                            .bytes = bytes.data(),
                            .length_bytes = bytes.size()};
  co_return co_await flushes_.write(std::span(&request, 1), true);
}

Task<void> SegmentFiles::settle(uint64_t file_number) {
  const uint64_t file_bytes = journal_.state().pool.at(file_number).file_bytes;
  if (free_bytes_ + file_bytes > options_.pool_bytes_max) {
    co_await remove_pooled(file_number);
  } else {
    give_free(file_number);
  }
  co_await release_when_scarce();
}

Task<void> SegmentFiles::release_when_scarce() {
  while (!free_.empty()) {
    const Result<uint64_t> free_bytes = co_await doors_.disk.free_space(directory_);
    if (!free_bytes.ok() || free_bytes.value() >= options_.free_bytes_min || free_.empty()) {
      co_return;
    }
    co_await remove_pooled(*take_free(free_.begin()->first));
  }
}

// The name goes before the record: a file that the journal does not know is evidence of a damaged journal. One that
// cannot be removed stays in the pool, and nobody tries it again before the next start.
Task<void> SegmentFiles::remove_pooled(uint64_t file_number) {
  const std::string path = path_of(file_number);
  const Result<uint64_t> removed = co_await doors_.disk.remove(path);
  if (removed.ok() || removed.error() == Error::not_found) {
    const Result<uint64_t> flushed = co_await doors_.disk.flush_directory(directory_);
    if (flushed.ok()) {
      JournalRecord record;
      record.type = JournalRecordType::pool_removed;
      record.file_number = file_number;
      journal_.append_later(record);
    }
  }
}

}  // namespace penstock
