#include "tools/bench_lone_write.h"

#include "tools/bench_batches.h"

namespace penstock {

Task<Result<void>> lay_out_bench_file(Doors& doors, const std::string& path, uint64_t file_bytes) {
  constexpr size_t kLayoutBytes = 1 << 20;
  Disk& disk = doors.disk;
  Result<Buffer> buffer = doors.buffers.allocate(kLayoutBytes);
  if (!buffer.ok()) co_return buffer.error();
  FileOptions options;
  options.create = true;
  const Result<FileId> file = co_await disk.open(path, options);
  if (!file.ok()) co_return file.error();
  BenchBatches::fill(0, buffer.value().bytes());
  Result<uint64_t> done = uint64_t{0};
  for (uint64_t position = 0; position < file_bytes && done.ok(); position += kLayoutBytes) {
    done = co_await disk.write(file.value(), position, buffer.value().bytes().first(kLayoutBytes));
  }
  if (done.ok()) done = co_await disk.flush(file.value());
  (void)co_await disk.close(file.value());
  if (!done.ok()) co_return done.error();
  co_return Result<void>();
}

Task<void> BenchLoneWrite::run(Engine& engine, uint64_t deadline_ns, LatencyHistogram& latency,
                               Result<void>& outcome) {
  Disk& disk = engine.doors().disk;
  Clock& clock = engine.doors().clock;
  Result<Buffer> buffer = engine.doors().buffers.allocate(kDiskBlockBytes);
  const Result<FileId> file = co_await disk.open(path_, FileOptions{});
  if (!file.ok() || !buffer.ok()) {
    outcome = Error::io;
    co_return;
  }
  const std::span<std::byte> block = buffer.value().bytes().first(kDiskBlockBytes);
  uint64_t number = 0;
  uint64_t now_ns = clock.monotonic_ns();
  while (now_ns < deadline_ns && outcome.ok()) {
    BenchBatches::fill(++number, block);
    const uint64_t began_ns = now_ns;
    const Result<uint64_t> written = co_await disk.write(file.value(), position_, block, true);
    now_ns = clock.monotonic_ns();
    latency.record(now_ns - began_ns);
    if (!written.ok()) outcome = written.error();
    position_ = (position_ + kDiskBlockBytes) % file_bytes_;
  }
  (void)co_await disk.close(file.value());
}

}  // namespace penstock
