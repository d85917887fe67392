#include "engine/open_segments.h"

#include <utility>

#include "engine/file_io.h"

namespace penstock {

Task<Result<void>> OpenSegments::open(Segment& segment, const PartitionKey& key,
                                      std::string& reason) {
  check(segment.pin_count > 0 || segment.writing);
  if (segment.file.valid()) {
    use(segment);
    co_return Result<void>();
  }
  Result<FileId> file = co_await doors_.disk.open(segment.path, FileOptions{});
  // The process has all the descriptors it may have: perhaps some are ours to give.
  while (!file.ok() && file.error() == Error::busy && close_oldest()) {
    co_await closing_.wait_empty();
    file = co_await doors_.disk.open(segment.path, FileOptions{});
  }
  if (!file.ok()) {
    if (file.error() == Error::busy) co_return Error::busy;
    reason = std::string("cannot be opened: ") + name_of(file.error());
    // A file that is not there, or is none, is damage; an error of the disk may pass.
    co_return file.error() == Error::io ? Error::io : Error::corrupt;
  }
  const Result<void> checked = co_await check_file(segment, key, file.value(), reason);
  if (!checked.ok()) {
    co_await close_file(file.value());
    co_return checked.error();
  }
  if (segment.file.valid()) {  // another was faster, and is not to be left behind for this
    closing_.spawn(close_file(file.value()));
    co_return Result<void>();
  }
  adopt(segment, file.value());
  co_return Result<void>();
}

// The header block says whose file it is. The last block is there if the file has its size, which it had, durably,
// before the journal heard of it.
Task<Result<void>> OpenSegments::check_file(const Segment& segment, const PartitionKey& key,
                                            FileId file, std::string& reason) {
  Result<Buffer> blocks = co_await allocate_buffer(doors_, kSegmentHeaderBytes + kDiskBlockBytes);
  if (!blocks.ok()) co_return blocks.error();
  const std::span<std::byte> bytes = blocks.value().bytes().first(kSegmentHeaderBytes);
  const uint64_t last = block_floor(segment.state.file_bytes - 1);
  DiskBatch reads(doors_.disk);
  reads.add({.operation = DiskOperation::read,
             .file = file,
             .bytes = bytes.data(),
             .length_bytes = bytes.size()});
  reads.add({.operation = DiskOperation::read,
             .file = file,
             .position = last,
             .bytes = bytes.data() + bytes.size(),
             .length_bytes = kDiskBlockBytes});
  const Result<void> read = co_await reads;
  if (!read.ok()) {
    reason = "cannot be read";
    co_return read.error();
  }
  const Result<SegmentHeader> header =
      decode_segment_header(bytes.first(reads.request(0).done_bytes));
  if (!header.ok()) {
    reason = header.error() == Error::unsupported ? "was made by another version"
                                                  : "its header block fails its checksum";
  } else if (header.value().key != key) {
    reason = "belongs to another partition";
  } else if (header.value().generation != segment.state.generations.front().generation) {
    reason = "belongs to another life of this file";
  } else if (last + reads.request(1).done_bytes < segment.state.file_bytes) {
    reason = "is cut short";
  } else {
    co_return Result<void>();
  }
  co_return Error::corrupt;
}

void OpenSegments::adopt(Segment& segment, FileId file) {
  check(!segment.file.valid());
  segment.file = file;
  use(segment);
  ++open_count_;
  close_surplus();
}

void OpenSegments::use(Segment& segment) {
  check(segment.file.valid());
  if (!segment.writing) used_.use(segment);
}

void OpenSegments::hold(Segment& segment) {
  segment.writing = true;
  used_.remove(segment);
}

void OpenSegments::release(Segment& segment) {
  if (!segment.writing) return;
  segment.writing = false;
  if (segment.file.valid()) used_.use(segment);
  close_surplus();
}

void OpenSegments::close_surplus() {
  while (open_count_ > options_.files_max && close_oldest()) {
  }
}

// False: all that are open are in use.
bool OpenSegments::close_oldest() {
  for (Segment* segment = used_.oldest(); segment != nullptr;
       segment = used_.next_oldest(*segment)) {
    if (segment->pin_count > 0) continue;
    used_.remove(*segment);
    --open_count_;
    // No more of these indexes are kept than files: the next lookup by time makes it again.
    segment->earlier_index.reset();
    closing_.spawn(close_file(std::exchange(segment->file, FileId{})));
    return true;
  }
  return false;
}

Task<void> OpenSegments::close_file(FileId file) { (void)co_await doors_.disk.close(file); }

Task<void> OpenSegments::close(Segment& segment) {
  segment.writing = false;
  if (!segment.file.valid()) co_return;
  used_.remove(segment);
  --open_count_;
  co_await close_file(std::exchange(segment.file, FileId{}));
}

Task<void> OpenSegments::close() { co_await closing_.wait_empty(); }

}  // namespace penstock
