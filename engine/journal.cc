#include "engine/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "engine/file_io.h"

namespace penstock {
namespace {

constexpr char kMagic[] = "PENJRN01";
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kChecksumPosition = 64;
constexpr uint64_t kFileBytesMin = 256 << 10;
constexpr uint64_t kNewFilesPauseNs = 1'000'000'000;
constexpr char kCopyNames[] = {'a', 'b'};

struct Header {
  JournalIdentity identity;
  uint64_t generation = 0;
  uint64_t snapshot_records = 0;
  uint64_t file_bytes = 0;
};

uint64_t record_position(uint64_t sequence) {
  return kHeaderBytes + sequence * kJournalRecordBytes;
}

uint64_t seed_of(const Header& header) {
  std::byte bytes[40];
  store(bytes, header.identity.directory_id.high);
  store(bytes + 8, header.identity.directory_id.low);
  store(bytes + 16, header.identity.incarnation);
  store(bytes + 24, uint64_t{header.identity.reactor});
  store(bytes + 32, header.generation);
  return xxh3_64(bytes);
}

void encode_header(const Header& header, std::byte* to) {
  std::memset(to, 0, kHeaderBytes);
  std::memcpy(to, kMagic, 8);
  store(to + 8, kVersion);
  store(to + 12, header.identity.reactor);
  store(to + 16, header.identity.directory_id.high);
  store(to + 24, header.identity.directory_id.low);
  store(to + 32, header.identity.incarnation);
  store(to + 40, header.generation);
  store(to + 48, header.snapshot_records);
  store(to + 56, header.file_bytes);
  store(to + kChecksumPosition, xxh3_64({to, kChecksumPosition}));
}

Result<Header> decode_header(std::span<const std::byte> from) {
  if (from.size() < kHeaderBytes) return Error::corrupt;
  if (std::memcmp(from.data(), kMagic, 8) != 0) return Error::corrupt;
  if (load<uint64_t>(from.data() + kChecksumPosition) != xxh3_64(from.first(kChecksumPosition))) {
    return Error::corrupt;
  }
  if (load<uint32_t>(from.data() + 8) != kVersion) return Error::unsupported;
  Header header;
  header.identity.reactor = load<uint32_t>(from.data() + 12);
  header.identity.directory_id = {load<uint64_t>(from.data() + 16),
                                  load<uint64_t>(from.data() + 24)};
  header.identity.incarnation = load<uint64_t>(from.data() + 32);
  header.generation = load<uint64_t>(from.data() + 40);
  header.snapshot_records = load<uint64_t>(from.data() + 48);
  header.file_bytes = load<uint64_t>(from.data() + 56);
  return header;
}

// Records that were known durable when a later one was written cannot be a torn tail.
void judge_tail(JournalCopy& copy, const Header& header, std::span<const std::byte> bytes) {
  const uint64_t seed = seed_of(header);
  const uint64_t valid_count = copy.records.size();
  copy.damage_position = record_position(valid_count);
  if (valid_count < header.snapshot_records) {
    copy.damaged = true;
    copy.reason = "a record of the snapshot fails its checksum";
    return;
  }
  for (uint64_t sequence = valid_count + 1; record_position(sequence + 1) <= bytes.size();
       ++sequence) {
    const auto later =
        decode_journal_record(bytes.data() + record_position(sequence), sequence, seed);
    if (later && later->durable_sequence > valid_count) {
      copy.damaged = true;
      copy.reason = "a record that was durable fails its checksum";
      return;
    }
  }
}

JournalCopy parse_copy(std::string path, std::span<const std::byte> bytes,
                       const JournalIdentity& identity) {
  JournalCopy copy;
  copy.path = std::move(path);
  copy.present = true;
  const Result<Header> decoded = decode_header(bytes);
  copy.damaged = true;
  if (!decoded.ok()) {
    copy.reason = decoded.error() == Error::unsupported ? "made by another version"
                                                        : "the header fails its checksum";
    return copy;
  }
  const Header& header = decoded.value();
  if (header.identity.directory_id != identity.directory_id ||
      header.identity.incarnation != identity.incarnation ||
      header.identity.reactor != identity.reactor) {
    copy.reason = "belongs to another data directory or reactor";
    return copy;
  }
  copy.damaged = false;
  copy.generation = header.generation;
  const uint64_t seed = seed_of(header);
  for (uint64_t sequence = 0; record_position(sequence + 1) <= bytes.size(); ++sequence) {
    const auto decoded_record =
        decode_journal_record(bytes.data() + record_position(sequence), sequence, seed);
    if (!decoded_record) break;
    copy.records.push_back(decoded_record->record);
  }
  judge_tail(copy, header, bytes);
  return copy;
}

}  // namespace

std::string journal_path(const std::string& directory, uint64_t incarnation, uint32_t reactor,
                         char copy) {
  return fmt::format("{}/journal-{}-{}-{}", directory, incarnation, reactor, copy);
}

Task<Result<std::vector<JournalCopy>>> read_journal_copies(Doors& doors,
                                                           const std::string& directory,
                                                           JournalIdentity identity) {
  std::vector<JournalCopy> copies;
  for (const char name : kCopyNames) {
    const std::string path = journal_path(directory, identity.incarnation, identity.reactor, name);
    Result<std::vector<std::byte>> bytes = co_await read_small_file(doors, path);
    if (bytes.ok()) {
      copies.push_back(parse_copy(path, bytes.value(), identity));
      continue;
    }
    if (bytes.error() != Error::not_found) co_return bytes.error();
    JournalCopy missing;
    missing.path = path;
    missing.reason = "missing";
    copies.push_back(std::move(missing));
  }
  co_return copies;
}

Task<Result<LoadedJournal>> load_journal(Doors& doors, const std::string& directory,
                                         JournalIdentity identity, JournalDamage& damage) {
  const Result<std::vector<JournalCopy>> read =
      co_await read_journal_copies(doors, directory, identity);
  if (!read.ok()) co_return read.error();
  const std::vector<JournalCopy>& copies = read.value();
  const JournalCopy* best = nullptr;
  for (const JournalCopy& copy : copies) {
    if (!copy.present || copy.damaged) continue;
    if (best == nullptr || copy.records.size() > best->records.size()) best = &copy;
  }
  if (best == nullptr) {
    const JournalCopy& worse = copies[0].present ? copies[0] : copies[1];
    damage = {worse.path, worse.damage_position, worse.reason};
    co_return worse.present ? Error::corrupt : Error::not_found;
  }
  LoadedJournal loaded;
  for (const JournalRecord& record : best->records) {
    const Result<void> applied = loaded.state.apply(record);
    if (!applied.ok()) {
      damage = {best->path, record_position(loaded.record_count),
                "a record contradicts those before it"};
      co_return applied.error();
    }
    ++loaded.record_count;
  }
  co_return loaded;
}

Journal::Journal(Doors& doors, std::string directory, JournalIdentity identity,
                 FlushStream& flushes, FlushListener& listener)
    : doors_(doors),
      directory_(std::move(directory)),
      identity_(identity),
      flushes_(flushes),
      listener_(listener) {}

Journal::~Journal() { check(!files_[0].valid() && !writing_); }

Task<Result<void>> Journal::create(JournalState state) {
  state_ = std::move(state);
  co_return co_await write_files();
}

void Journal::place(const JournalRecord& record) {
  check(state_.apply(record).ok());  // our own records fit our own state
  encode(record);
  ++appended_count_;
  if (collecting_) collected_.push_back(record);
}

void Journal::encode(const JournalRecord& record) {
  const size_t at = record_position(next_sequence_) - tail_position_;
  if (tail_.size() < at + kJournalRecordBytes) {
    tail_.resize(block_ceiling(at + kJournalRecordBytes));
  }
  encode_journal_record(record, next_sequence_, durable_sequence_, seed_, tail_.data() + at);
  ++next_sequence_;
}

Task<Result<void>> Journal::append(std::span<const JournalRecord> records) {
  if (failed_ || closing_) co_return Error::fenced;
  for (const JournalRecord& record : records) place(record);
  const uint64_t wanted = appended_count_;
  start_writer();
  while (!failed_ && durable_count_ < wanted) co_await durable_.wait();
  if (durable_count_ < wanted) co_return Error::io;
  co_return Result<void>();
}

void Journal::append_later(const JournalRecord& record) {
  if (failed_ || closing_) return;
  place(record);
  start_writer();
}

void Journal::start_writer() {
  if (writing_) return;
  writing_ = true;
  writer_.spawn(write_loop());
}

// Lets the rest of the turn add its records before the first write takes them along. New files are made when the old
// ones are half full: so a full disk has time to pass before there is no room for a record.
Task<void> Journal::write_loop() {
  co_await doors_.scheduler.yield();
  while (!failed_ && durable_count_ < appended_count_) {
    const uint64_t end = record_position(next_sequence_);
    const bool full = end > file_bytes_;
    const bool due = end > file_bytes_ / 2 && doors_.clock.monotonic_ns() >= next_try_ns_;
    Result<void> written;
    if (full || due) {
      written = co_await write_files();
      if (!written.ok() && written.error() == Error::disk_full && !closing_) {
        next_try_ns_ = doors_.clock.monotonic_ns() + kNewFilesPauseNs;
        if (full) co_await doors_.clock.sleep_until(next_try_ns_);
        continue;
      }
    } else {
      written = co_await write_pending();
    }
    if (!written.ok()) {
      failed_ = true;
      doors_.reporter.report(Severity::error, fmt::format("journal in {} cannot be written: {}",
                                                          directory_, name_of(written.error())));
      listener_.flush_failed(written.error());
    }
    durable_.wake_all();
  }
  writing_ = false;
}

// Writes the blocks from the one that holds the first unwritten record on; at most one buffer of them at a time.
Task<Result<void>> Journal::write_pending() {
  constexpr size_t kWriteBytesMax = 256 << 10;
  const uint64_t position = tail_position_;
  const size_t length = std::min(tail_.size(), kWriteBytesMax);
  const uint64_t sequence =
      std::min<uint64_t>(next_sequence_, (position + length - kHeaderBytes) / kJournalRecordBytes);
  const uint64_t count = appended_count_ - (next_sequence_ - sequence);
  Result<Buffer> buffer = co_await allocate_buffer(doors_, length);
  if (!buffer.ok()) co_return buffer.error();
  std::memcpy(buffer.value().data(), tail_.data(), length);
  const Result<void> written = co_await write_copies(buffer.value().bytes().first(length));
  if (!written.ok()) co_return written.error();
  durable_sequence_ = sequence;
  durable_count_ = count;
  const uint64_t keep_from = record_position(sequence) / kDiskBlockBytes * kDiskBlockBytes;
  const size_t drop = std::min<size_t>(keep_from - position, tail_.size());
  tail_.erase(tail_.begin(), tail_.begin() + static_cast<ptrdiff_t>(drop));
  tail_position_ = keep_from;
  co_return Result<void>();
}

// At tail_position_ of both files, durably.
Task<Result<void>> Journal::write_copies(std::span<std::byte> bytes) {
  DiskRequest request{.operation = DiskOperation::write,
                      .position = tail_position_,
                      .bytes = bytes.data(),
                      .length_bytes = bytes.size()};
  std::array<DiskRequest, 2> copies;
  for (size_t i = 0; i < copies.size(); ++i) {
    request.file = files_[i];
    copies[i] = request;
  }
  co_return co_await flushes_.write(copies, tail_position_ + bytes.size() <= filled_bytes_);
}

// Until both new files are there nothing changes. Records placed meanwhile are not in their snapshot: they follow it,
// and reach the new files by the next write.
Task<Result<void>> Journal::write_files() {
  const std::vector<JournalRecord> snapshot = state_.snapshot();
  const uint64_t count = appended_count_;
  Header header;
  header.identity = identity_;
  header.generation = doors_.random.next();
  header.snapshot_records = snapshot.size();
  header.file_bytes =
      std::max<uint64_t>(kFileBytesMin, std::bit_ceil(record_position(snapshot.size()) * 4));
  const uint64_t seed = seed_of(header);
  const uint64_t end = record_position(snapshot.size());
  // As far as records will go: then writing them changes nothing that a shared flush does not cover.
  const uint64_t filled_bytes = flushes_.shared() ? header.file_bytes / 2 : end;
  std::vector<std::byte> image(filled_bytes);
  encode_header(header, image.data());
  for (uint64_t sequence = 0; sequence < snapshot.size(); ++sequence) {
    encode_journal_record(snapshot[sequence], sequence, sequence, seed,
                          image.data() + record_position(sequence));
  }
  FileId fresh[2];
  collecting_ = true;
  const Result<void> created = co_await create_files(image, header.file_bytes, fresh);
  collecting_ = false;
  const std::vector<JournalRecord> collected = std::exchange(collected_, {});
  if (!created.ok()) co_return created.error();

  seed_ = seed;
  file_bytes_ = header.file_bytes;
  filled_bytes_ = filled_bytes;
  durable_sequence_ = next_sequence_ = snapshot.size();
  tail_position_ = block_floor(end);
  tail_.assign(image.begin() + static_cast<ptrdiff_t>(tail_position_),
               image.begin() + static_cast<ptrdiff_t>(end));
  tail_.resize(block_ceiling(tail_.size()));
  for (const JournalRecord& record : collected) encode(record);
  std::swap(fresh, files_);
  const Result<void> named = co_await name_files();
  for (const FileId file : fresh) {
    if (file.valid()) (void)co_await doors_.disk.close(file);
  }
  if (!named.ok()) co_return named.error();
  durable_count_ = count;
  co_return Result<void>();
}

Task<Result<void>> Journal::create_files(std::span<const std::byte> image, uint64_t file_bytes,
                                         std::span<FileId> fresh) {
  for (size_t i = 0; i < fresh.size(); ++i) {
    const std::string path =
        journal_path(directory_, identity_.incarnation, identity_.reactor, kCopyNames[i]) + ".new";
    const Result<FileId> file = co_await create_file(doors_, path, file_bytes, image, &listener_);
    if (!file.ok()) {
      for (size_t j = 0; j < i; ++j) (void)co_await doors_.disk.close(fresh[j]);
      co_return file.error();
    }
    fresh[i] = file.value();
  }
  co_return Result<void>();
}

Task<Result<void>> Journal::name_files() {
  for (const char name : kCopyNames) {
    const std::string path =
        journal_path(directory_, identity_.incarnation, identity_.reactor, name);
    const std::string fresh_path = path + ".new";
    const Result<uint64_t> renamed = co_await doors_.disk.rename(fresh_path, path);
    if (!renamed.ok()) co_return renamed.error();
  }
  const Result<uint64_t> flushed = co_await doors_.disk.flush_directory(directory_);
  if (!flushed.ok()) co_return flushed.error();
  co_return Result<void>();
}

Task<void> Journal::close() {
  closing_ = true;
  co_await writer_.wait_empty();
  for (FileId& file : files_) {
    if (file.valid()) (void)co_await doors_.disk.close(file);
    file = FileId{};
  }
}

}  // namespace penstock
