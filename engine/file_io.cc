#include "engine/file_io.h"

#include <algorithm>
#include <cstring>

namespace penstock {
namespace {

constexpr size_t kPieceBytes = 1 << 20;
constexpr uint64_t kSmallFileBytesMax = 64 << 20;

Task<Result<void>> write_pieces(Doors& doors, FileId file, std::span<const std::byte> bytes) {
  const size_t buffer_bytes = std::min(kPieceBytes, block_ceiling(bytes.size()));
  Result<Buffer> buffer = co_await allocate_buffer(doors, buffer_bytes);
  if (!buffer.ok()) co_return buffer.error();
  std::byte* const data = buffer.value().data();
  for (size_t at = 0; at < bytes.size(); at += kPieceBytes) {
    const size_t length = std::min(kPieceBytes, bytes.size() - at);
    const size_t padded = block_ceiling(length);
    std::memcpy(data, bytes.data() + at, length);
    std::memset(data + length, 0, padded - length);
    const std::span<const std::byte> piece(data, padded);
    const Result<uint64_t> written = co_await doors.disk.write(file, at, piece);
    if (!written.ok()) co_return written.error();
  }
  co_return Result<void>();
}

Task<Result<void>> read_pieces(Doors& doors, FileId file, std::vector<std::byte>& bytes,
                               uint64_t size_bytes) {
  Result<Buffer> buffer = co_await allocate_buffer(doors, kPieceBytes);
  if (!buffer.ok()) co_return buffer.error();
  while (bytes.size() < size_bytes) {
    const Result<uint64_t> got =
        co_await doors.disk.read(file, bytes.size(), buffer.value().bytes().first(kPieceBytes));
    if (!got.ok()) co_return got.error();
    if (got.value() == 0) break;
    const std::byte* data = buffer.value().data();
    bytes.insert(bytes.end(), data, data + got.value());
    if (got.value() % kDiskBlockBytes != 0) break;  // the file's end
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<Buffer>> allocate_buffer(Doors& doors, size_t size_bytes) {
  constexpr uint64_t kPatienceNs = 10'000'000'000;
  const uint64_t give_up_ns = doors.clock.monotonic_ns() + kPatienceNs;
  uint64_t pause_ns = 10'000;
  for (;;) {
    Result<Buffer> buffer = doors.buffers.allocate(size_bytes);
    if (buffer.ok() || buffer.error() != Error::busy) co_return buffer;
    if (doors.clock.monotonic_ns() >= give_up_ns) co_return Error::busy;
    co_await doors.clock.sleep_for(pause_ns);
    pause_ns = std::min<uint64_t>(pause_ns * 2, 10'000'000);
  }
}

void DiskBatch::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  pending_count_ = requests_.size();
  for (DiskRequest& request : requests_) {
    request.owner = this;
    request.on_complete = [](DiskRequest& done) {
      DiskBatch& batch = *static_cast<DiskBatch*>(done.owner);
      if (--batch.pending_count_ == 0) batch.waiter_.resume();
    };
    disk_.submit(request);
  }
}

Result<void> DiskBatch::await_resume() const {
  for (const DiskRequest& request : requests_) {
    if (request.failed) return request.error;
  }
  return {};
}

Task<Result<std::vector<std::byte>>> read_small_file(Doors& doors, const std::string& path) {
  FileInfo info;
  const Result<uint64_t> found = co_await doors.disk.stat(path, info);
  if (!found.ok()) co_return found.error();
  if (info.kind != FileKind::regular) co_return Error::invalid_argument;
  if (info.size_bytes > kSmallFileBytesMax) co_return Error::too_large;
  FileOptions options;
  options.write = false;
  const Result<FileId> file = co_await doors.disk.open(path, options);
  if (!file.ok()) co_return file.error();
  std::vector<std::byte> bytes;
  const Result<void> read = co_await read_pieces(doors, file.value(), bytes, info.size_bytes);
  (void)co_await doors.disk.close(file.value());
  if (!read.ok()) co_return read.error();
  co_return bytes;
}

Task<Result<FileId>> create_file(Doors& doors, const std::string& path, uint64_t file_bytes,
                                 std::span<const std::byte> bytes, FlushListener* listener) {
  const Result<uint64_t> removed = co_await doors.disk.remove(path);
  if (!removed.ok() && removed.error() != Error::not_found) co_return removed.error();
  FileOptions options;
  options.create = true;
  const Result<FileId> file = co_await doors.disk.open(path, options);
  if (!file.ok()) co_return file.error();
  Result<void> done;
  const uint64_t failures = listener != nullptr ? listener->failure_count() : 0;
  const Result<uint64_t> allocated = co_await doors.disk.allocate(file.value(), file_bytes);
  if (!allocated.ok()) done = allocated.error();
  if (done.ok()) done = co_await write_pieces(doors, file.value(), bytes);
  if (done.ok()) {
    const Result<uint64_t> flushed = co_await doors.disk.flush(file.value());
    if (!flushed.ok()) done = flushed.error();
    if (!flushed.ok() && listener != nullptr) listener->flush_failed(flushed.error());
    if (done.ok() && listener != nullptr && listener->failure_count() != failures) done = Error::io;
  }
  if (!done.ok()) {
    (void)co_await doors.disk.close(file.value());
    (void)co_await doors.disk.remove(path);
    co_return done.error();
  }
  co_return file.value();
}

Task<Result<void>> replace_small_file(Doors& doors, const std::string& path,
                                      std::span<const std::byte> bytes) {
  const std::string fresh_path = path + ".new";
  const size_t file_bytes = block_ceiling(bytes.size());
  const Result<FileId> file = co_await create_file(doors, fresh_path, file_bytes, bytes);
  if (!file.ok()) co_return file.error();
  (void)co_await doors.disk.close(file.value());
  const Result<uint64_t> renamed = co_await doors.disk.rename(fresh_path, path);
  if (!renamed.ok()) co_return renamed.error();
  co_return Result<void>();
}

}  // namespace penstock
