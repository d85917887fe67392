#include "tests/sim/sim_storage.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/check.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kRoot = 1;
constexpr size_t kSectorBytes = 512;
constexpr uint64_t kEverything = ~uint64_t{0};

uint64_t blocks_for(uint64_t bytes) { return (bytes + kDiskBlockBytes - 1) / kDiskBlockBytes; }

void zero_from(std::array<std::byte, kDiskBlockBytes>& image, size_t from) {
  std::fill(image.begin() + static_cast<ptrdiff_t>(from), image.end(), std::byte{0});
}

// `to` with some, not all, of the sectors of `from`.
void tear(std::array<std::byte, kDiskBlockBytes>& to,
          const std::array<std::byte, kDiskBlockBytes>& from, SimRandom& random) {
  constexpr uint64_t kSectors = kDiskBlockBytes / kSectorBytes;
  const uint64_t chosen = random.between(1, (1u << kSectors) - 2);
  for (uint64_t sector = 0; sector < kSectors; ++sector) {
    if ((chosen >> sector & 1) == 0) continue;
    std::memcpy(to.data() + sector * kSectorBytes, from.data() + sector * kSectorBytes,
                kSectorBytes);
  }
}

}  // namespace

SimStorage::SimStorage(Options options) : options_(options) {
  files_[kRoot].kind = FileKind::directory;
}

SimStorage::File& SimStorage::file(FileNumber number) {
  const auto found = files_.find(number);
  check(found != files_.end());
  return found->second;
}

const SimStorage::File& SimStorage::file(FileNumber number) const {
  const auto found = files_.find(number);
  check(found != files_.end());
  return found->second;
}

// Names.

int64_t SimStorage::place_of(const std::string& path, Place& place) const {
  place = {.directory = kRoot, .name = ""};
  size_t at = 0;
  while (at < path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (!place.name.empty()) {
      const FileNumber directory = target_of(place);
      if (directory == 0) return -ENOENT;
      if (file(directory).kind != FileKind::directory) return -ENOTDIR;
      place.directory = directory;
    }
    place.name = part;
  }
  return 0;
}

SimStorage::FileNumber SimStorage::target_of(const Place& place) const {
  if (place.name.empty()) return kRoot;
  const File& directory = file(place.directory);
  const auto found = directory.names.find(place.name);
  return found == directory.names.end() ? 0 : found->second;
}

int64_t SimStorage::find(const std::string& path) const {
  Place place;
  const int64_t result = place_of(path, place);
  if (result < 0) return result;
  const FileNumber target = target_of(place);
  return target == 0 ? -ENOENT : static_cast<int64_t>(target);
}

void SimStorage::change_names(std::vector<NameChange> changes) {
  for (const NameChange& change : changes) {
    File& directory = file(change.directory);
    if (change.target == 0) {
      directory.names.erase(change.name);
    } else {
      directory.names[change.name] = change.target;
    }
  }
  ++sequence_;
  if (!options_.split_renames) {
    name_changes_.push_back({.sequence = sequence_, .changes = std::move(changes)});
    return;
  }
  for (NameChange& change : changes) {
    NameChanges single{.sequence = sequence_, .changes = {}};
    single.changes.push_back(std::move(change));
    name_changes_.push_back(std::move(single));
  }
}

int64_t SimStorage::create(const std::string& path) {
  Place place;
  const int64_t result = place_of(path, place);
  if (result < 0) return result;
  if (target_of(place) != 0) return -EEXIST;
  const FileNumber number = next_number_++;
  files_[number].kind = FileKind::regular;
  change_names({{.directory = place.directory, .name = place.name, .target = number}});
  return static_cast<int64_t>(number);
}

int64_t SimStorage::make_directory(const std::string& path) {
  const int64_t result = create(path);
  if (result < 0) return result;
  file(static_cast<FileNumber>(result)).kind = FileKind::directory;
  return 0;
}

int64_t SimStorage::rename(const std::string& from, const std::string& to) {
  Place source;
  Place goal;
  if (const int64_t result = place_of(from, source); result < 0) return result;
  if (const int64_t result = place_of(to, goal); result < 0) return result;
  const FileNumber moved = target_of(source);
  const FileNumber replaced = target_of(goal);
  if (moved == 0) return -ENOENT;
  if (moved == kRoot || replaced == kRoot) return -EBUSY;
  if (moved == replaced) return 0;
  if (replaced != 0) {
    const bool moves_directory = file(moved).kind == FileKind::directory;
    const File& old = file(replaced);
    if (moves_directory && old.kind != FileKind::directory) return -ENOTDIR;
    if (!moves_directory && old.kind == FileKind::directory) return -EISDIR;
    if (!old.names.empty()) return -ENOTEMPTY;
  }
  change_names({{.directory = source.directory, .name = source.name, .target = 0},
                {.directory = goal.directory, .name = goal.name, .target = moved}});
  return 0;
}

int64_t SimStorage::remove(const std::string& path) {
  Place place;
  const int64_t result = place_of(path, place);
  if (result < 0) return result;
  const FileNumber number = target_of(place);
  if (number == 0) return -ENOENT;
  if (file(number).kind == FileKind::directory) return -EISDIR;
  change_names({{.directory = place.directory, .name = place.name, .target = 0}});
  return 0;
}

int64_t SimStorage::link(const std::string& from, const std::string& to) {
  Place source;
  Place goal;
  if (const int64_t result = place_of(from, source); result < 0) return result;
  if (const int64_t result = place_of(to, goal); result < 0) return result;
  const FileNumber number = target_of(source);
  if (number == 0) return -ENOENT;
  if (file(number).kind == FileKind::directory) return -EPERM;
  if (target_of(goal) != 0) return -EEXIST;
  change_names({{.directory = goal.directory, .name = goal.name, .target = number}});
  return 0;
}

int64_t SimStorage::list(const std::string& path, std::vector<DirectoryEntry>& entries) const {
  const int64_t number = find(path);
  if (number < 0) return number;
  const File& directory = file(static_cast<FileNumber>(number));
  if (directory.kind != FileKind::directory) return -ENOTDIR;
  for (const auto& [name, target] : directory.names) {
    entries.push_back({.name = name, .kind = file(target).kind});
  }
  return 0;
}

int64_t SimStorage::stat(const std::string& path, FileInfo& info) const {
  const int64_t result = find(path);
  if (result < 0) return result;
  const FileNumber number = static_cast<FileNumber>(result);
  const File& found = file(number);
  info = {.kind = found.kind,
          .size_bytes = found.size,
          .link_count = link_count_of(number),
          .shared_extents = found.shared_extents};
  return 0;
}

uint64_t SimStorage::link_count_of(FileNumber number) const {
  uint64_t count = 0;
  for (const auto& [directory_number, directory] : files_) {
    for (const auto& [name, target] : directory.names) count += target == number ? 1 : 0;
  }
  return count;
}

void SimStorage::apply_durably(const NameChanges& changes) {
  for (const NameChange& change : changes.changes) {
    File& directory = file(change.directory);
    if (change.target == 0) {
      directory.durable_names.erase(change.name);
    } else {
      directory.durable_names[change.name] = change.target;
    }
  }
}

// A change that becomes durable takes along all earlier ones of the same names: a journal keeps their order.
void SimStorage::flush_directory(FileNumber directory, uint64_t point) {
  std::set<std::pair<FileNumber, std::string>> needed;
  std::vector<bool> covered(name_changes_.size());
  for (size_t index = name_changes_.size(); index-- > 0;) {
    const NameChanges& changes = name_changes_[index];
    bool wanted = false;
    for (const NameChange& change : changes.changes) {
      wanted |= change.directory == directory && changes.sequence <= point;
      wanted |= needed.contains({change.directory, change.name});
    }
    covered[index] = wanted;
    if (!wanted) continue;
    for (const NameChange& change : changes.changes) needed.insert({change.directory, change.name});
  }
  std::vector<NameChanges> kept;
  for (size_t index = 0; index < name_changes_.size(); ++index) {
    if (covered[index]) {
      apply_durably(name_changes_[index]);
    } else {
      kept.push_back(std::move(name_changes_[index]));
    }
  }
  name_changes_ = std::move(kept);
  collect_unreachable();
}

void SimStorage::settle_names(const Survival& survival, SimRandom& random) {
  std::set<std::pair<FileNumber, std::string>> lost;
  for (const NameChanges& changes : name_changes_) {
    bool survives = random.chance(survival.names);
    for (const NameChange& change : changes.changes) {
      if (lost.contains({change.directory, change.name})) survives = false;
    }
    if (survives) {
      apply_durably(changes);
      continue;
    }
    for (const NameChange& change : changes.changes) lost.insert({change.directory, change.name});
  }
  name_changes_.clear();
  for (auto& [number, each] : files_) each.names = each.durable_names;
}

void SimStorage::collect_unreachable() {
  std::set<FileNumber> reachable = {kRoot};
  for (const auto& [number, each] : files_) {
    if (each.open_count > 0) reachable.insert(number);
    for (const auto& [name, target] : each.names) reachable.insert(target);
    for (const auto& [name, target] : each.durable_names) reachable.insert(target);
  }
  for (const NameChanges& changes : name_changes_) {
    for (const NameChange& change : changes.changes) reachable.insert(change.directory);
    for (const NameChange& change : changes.changes) reachable.insert(change.target);
  }
  for (auto at = files_.begin(); at != files_.end();) {
    if (reachable.contains(at->first)) {
      ++at;
      continue;
    }
    used_blocks_ -= at->second.used_blocks;
    dirty_files_.erase(at->first);
    at = files_.erase(at);
  }
}

void SimStorage::closed(FileNumber number) {
  File& closing = file(number);
  check(closing.open_count > 0);
  if (--closing.open_count == 0 && link_count_of(number) == 0) collect_unreachable();
}

void SimStorage::all_closed() {
  for (auto& [number, each] : files_) each.open_count = 0;
  collect_unreachable();
}

// Contents.

const SimStorage::Image* SimStorage::content_of(const Block& block) {
  if (block.pending.empty()) return block.durable.get();
  const Change& last = block.pending.back();
  return last.kind == ChangeKind::drop ? nullptr : last.image.get();
}

bool SimStorage::written_now(const Block& block) { return content_of(block) != nullptr; }

SimStorage::Image SimStorage::image_of(const File& file, uint64_t block) const {
  Image image{};
  const auto found = file.blocks.find(block);
  if (found == file.blocks.end()) return image;
  const Image* content = content_of(found->second);
  if (content != nullptr) image = *content;
  return image;
}

int64_t SimStorage::read(FileNumber number, uint64_t position, std::span<std::byte> bytes) const {
  const File& from = file(number);
  if (position >= from.size) return 0;
  const uint64_t length = std::min<uint64_t>(bytes.size(), from.size - position);
  for (uint64_t done = 0; done < length;) {
    const uint64_t block = (position + done) / kDiskBlockBytes;
    const uint64_t start = (position + done) % kDiskBlockBytes;
    const uint64_t part = std::min(kDiskBlockBytes - start, length - done);
    const auto found = from.blocks.find(block);
    const Image* content = found == from.blocks.end() ? nullptr : content_of(found->second);
    if (content == nullptr) {
      std::memset(bytes.data() + done, 0, part);
    } else {
      std::memcpy(bytes.data() + done, content->data() + start, part);
    }
    done += part;
  }
  return static_cast<int64_t>(length);
}

bool SimStorage::has_space(uint64_t blocks) const {
  return (used_blocks_ + blocks) * kDiskBlockBytes <= options_.capacity_bytes;
}

uint64_t SimStorage::free_bytes() const {
  const uint64_t used_bytes = used_blocks_ * kDiskBlockBytes;
  return used_bytes >= options_.capacity_bytes ? 0 : options_.capacity_bytes - used_bytes;
}

void SimStorage::note_size(File& changed, uint64_t size, uint64_t allocated_blocks) {
  if (changed.size == size && changed.allocated_blocks == allocated_blocks) return;
  changed.size = size;
  changed.allocated_blocks = allocated_blocks;
  changed.size_changes.push_back(
      {.sequence = sequence_, .size = size, .allocated_blocks = allocated_blocks});
}

void SimStorage::count_used(File& counted) {
  uint64_t used = counted.allocated_blocks;
  for (auto at = counted.blocks.lower_bound(counted.allocated_blocks); at != counted.blocks.end();
       ++at) {
    used += written_now(at->second) ? 1 : 0;
  }
  used_blocks_ = used_blocks_ - counted.used_blocks + used;
  counted.used_blocks = used;
}

int64_t SimStorage::write(FileNumber number, uint64_t position, std::span<const std::byte> bytes,
                          bool durable) {
  File& to = file(number);
  if (bytes.empty()) return 0;
  const uint64_t end = position + bytes.size();
  uint64_t fresh = 0;
  for (uint64_t block = std::max(position / kDiskBlockBytes, to.allocated_blocks);
       block < blocks_for(end); ++block) {
    const auto found = to.blocks.find(block);
    fresh += found == to.blocks.end() || !written_now(found->second) ? 1 : 0;
  }
  if (fresh > 0 && !has_space(fresh)) return -ENOSPC;
  used_blocks_ += fresh;
  to.used_blocks += fresh;

  ++sequence_;
  uint64_t sizes_needed = 0;
  for (uint64_t done = 0; done < bytes.size();) {
    const uint64_t block = (position + done) / kDiskBlockBytes;
    const uint64_t start = (position + done) % kDiskBlockBytes;
    const uint64_t part = std::min(kDiskBlockBytes - start, bytes.size() - done);
    auto image = part == kDiskBlockBytes ? std::make_unique<Image>()
                                         : std::make_unique<Image>(image_of(to, block));
    std::memcpy(image->data() + start, bytes.data() + done, part);
    Block& changed = to.blocks[block];
    for (const Change& change : changed.pending) {
      if (change.kind != ChangeKind::write) sizes_needed = change.sequence;
    }
    changed.pending.push_back(
        {.kind = ChangeKind::write, .sequence = sequence_, .image = std::move(image)});
    to.dirty.insert(block);
    done += part;
  }
  dirty_files_.insert(number);
  note_size(to, std::max(to.size, end), to.allocated_blocks);
  if (!durable) return static_cast<int64_t>(bytes.size());

  if (sizes_needed > 0) commit_sizes(to, sizes_needed);
  if (to.durable_size < end)
    commit_sizes(to, sequence_);  // a truncation may just have become durable
  for (uint64_t block = position / kDiskBlockBytes; block < blocks_for(end); ++block) {
    Block& covered = to.blocks[block];
    covered.durable = std::move(covered.pending.back().image);
    covered.written = true;
    covered.pending.clear();
    to.dirty.erase(block);
  }
  return static_cast<int64_t>(bytes.size());
}

void SimStorage::write_partly(FileNumber number, uint64_t position,
                              std::span<const std::byte> bytes, SimRandom& random) {
  File& to = file(number);
  ++sequence_;
  for (uint64_t done = 0; done < bytes.size();) {
    const uint64_t block = (position + done) / kDiskBlockBytes;
    const uint64_t start = (position + done) % kDiskBlockBytes;
    const uint64_t part = std::min(kDiskBlockBytes - start, bytes.size() - done);
    const auto found = to.blocks.find(block);
    const uint64_t fate = random.below(3);  // nothing, torn, whole
    if (fate > 0 && found != to.blocks.end() && written_now(found->second)) {
      Image intended = image_of(to, block);
      std::memcpy(intended.data() + start, bytes.data() + done, part);
      auto image = std::make_unique<Image>(image_of(to, block));
      if (fate == 1) {
        tear(*image, intended, random);
      } else {
        *image = intended;
      }
      found->second.pending.push_back(
          {.kind = ChangeKind::write, .sequence = sequence_, .image = std::move(image)});
      to.dirty.insert(block);
      dirty_files_.insert(number);
    }
    done += part;
  }
}

int64_t SimStorage::allocate(FileNumber number, uint64_t length_bytes) {
  if (length_bytes == 0) return -EINVAL;
  File& grown = file(number);
  const uint64_t blocks = std::max(grown.allocated_blocks, blocks_for(length_bytes));
  uint64_t fresh = blocks - grown.allocated_blocks;
  for (auto at = grown.blocks.lower_bound(grown.allocated_blocks);
       at != grown.blocks.end() && at->first < blocks; ++at) {
    fresh -= written_now(at->second) ? 1 : 0;
  }
  if (!has_space(fresh)) return -ENOSPC;
  ++sequence_;
  note_size(grown, std::max(grown.size, length_bytes), blocks);
  count_used(grown);
  dirty_files_.insert(number);
  return 0;
}

int64_t SimStorage::truncate(FileNumber number, uint64_t length_bytes) {
  File& cut = file(number);
  if (length_bytes == cut.size) return 0;
  ++sequence_;
  const uint64_t kept_blocks = blocks_for(length_bytes);
  const size_t kept_bytes = length_bytes % kDiskBlockBytes;
  for (auto at = cut.blocks.lower_bound(length_bytes / kDiskBlockBytes); at != cut.blocks.end();
       ++at) {
    Block& block = at->second;
    if (!written_now(block)) continue;
    Change change{.kind = ChangeKind::drop, .sequence = sequence_};
    if (at->first < kept_blocks) {
      change.kind = ChangeKind::cut;
      change.kept_bytes = kept_bytes;
      change.image = std::make_unique<Image>(*content_of(block));
      zero_from(*change.image, kept_bytes);
    }
    block.pending.push_back(std::move(change));
    cut.dirty.insert(at->first);
  }
  note_size(cut, length_bytes, std::min(cut.allocated_blocks, kept_blocks));
  count_used(cut);
  dirty_files_.insert(number);
  return 0;
}

// Makes size changes up to `point` durable, and the truncations among them in every block.
void SimStorage::commit_sizes(File& changed, uint64_t point) {
  size_t count = 0;
  while (count < changed.size_changes.size() && changed.size_changes[count].sequence <= point) {
    changed.durable_size = changed.size_changes[count].size;
    changed.durable_allocated_blocks = changed.size_changes[count].allocated_blocks;
    ++count;
  }
  changed.size_changes.erase(changed.size_changes.begin(),
                             changed.size_changes.begin() + static_cast<ptrdiff_t>(count));
  for (auto at = changed.dirty.begin(); at != changed.dirty.end();) {
    Block& block = changed.blocks[*at];
    for (size_t index = block.pending.size(); index-- > 0;) {
      const Change& change = block.pending[index];
      if (change.kind == ChangeKind::write || change.sequence > point) continue;
      // Whatever came before in this block is decided now: gone, or cut.
      const size_t kept_bytes = change.kind == ChangeKind::drop ? 0 : change.kept_bytes;
      if (kept_bytes == 0) {
        block.pending.erase(block.pending.begin(),
                            block.pending.begin() + static_cast<ptrdiff_t>(index) + 1);
        block.written = false;
        block.durable.reset();
        break;
      }
      block.pending.erase(block.pending.begin() + static_cast<ptrdiff_t>(index));
      for (size_t earlier = 0; earlier < index; ++earlier) {
        if (block.pending[earlier].image) zero_from(*block.pending[earlier].image, kept_bytes);
      }
      if (block.durable) zero_from(*block.durable, kept_bytes);
    }
    at = block.pending.empty() ? changed.dirty.erase(at) : std::next(at);
  }
}

// Makes the block's writes up to `point` durable. Without its extent, a block not durably written keeps them pending.
void SimStorage::cover_block(File& covered, uint64_t number, uint64_t point, bool with_extent) {
  Block& block = covered.blocks[number];
  size_t count = 0;
  for (Change& change : block.pending) {
    if (change.sequence > point || change.kind != ChangeKind::write) break;
    if (!block.written && !with_extent) break;
    block.durable = std::move(change.image);
    block.written = true;
    ++count;
  }
  block.pending.erase(block.pending.begin(), block.pending.begin() + static_cast<ptrdiff_t>(count));
}

void SimStorage::cover_data(File& covered, uint64_t point, bool with_extent) {
  for (auto at = covered.dirty.begin(); at != covered.dirty.end();) {
    cover_block(covered, *at, point, with_extent);
    at = covered.blocks[*at].pending.empty() ? covered.dirty.erase(at) : std::next(at);
  }
}

void SimStorage::flush(FileNumber number, uint64_t point) {
  File& flushed = file(number);
  commit_sizes(flushed, point);
  cover_data(flushed, point, true);
  if (flushed.dirty.empty() && flushed.size_changes.empty()) dirty_files_.erase(number);
  if (!options_.shared_flush) return;
  for (const FileNumber other : dirty_files_) {
    if (other != number) cover_data(file(other), point, false);
  }
}

void SimStorage::forget_writes(File& failed, uint64_t point) {
  for (auto at = failed.dirty.begin(); at != failed.dirty.end();) {
    Block& block = failed.blocks[*at];
    std::erase_if(block.pending, [point](const Change& change) {
      return change.kind == ChangeKind::write && change.sequence <= point;
    });
    at = block.pending.empty() ? failed.dirty.erase(at) : std::next(at);
  }
  count_used(failed);
}

void SimStorage::fail_flush(FileNumber number, uint64_t point, SimRandom& random) {
  for (const FileNumber dirty : dirty_files_) {
    const bool hit = dirty == number || (options_.shared_flush && random.chance(0.5));
    if (hit) forget_writes(file(dirty), point);
  }
}

// Power cut.

void SimStorage::settle_block(Block& block, uint64_t sizes_survive_to, const Survival& survival,
                              SimRandom& random) {
  for (Change& change : block.pending) {
    if (change.kind != ChangeKind::write) {
      if (change.sequence > sizes_survive_to) break;  // what follows went to blocks allocated anew
      if (change.kind == ChangeKind::drop) {
        block.written = false;
        block.durable.reset();
      } else if (block.durable) {
        zero_from(*block.durable, change.kept_bytes);
      }
      continue;
    }
    if (!block.written) {
      if (!random.chance(survival.conversion)) continue;
      block.written = true;
      block.durable = std::move(change.image);
    } else if (random.chance(survival.data)) {
      block.durable = std::move(change.image);
    } else if (random.chance(survival.torn)) {
      tear(*block.durable, *change.image, random);
    }
  }
  block.pending.clear();
}

// A file system shows zeros, never old content, when a file grows again.
void SimStorage::drop_beyond_size(File& shrunk) {
  const uint64_t kept_blocks = blocks_for(shrunk.size);
  shrunk.blocks.erase(shrunk.blocks.lower_bound(kept_blocks), shrunk.blocks.end());
  const size_t kept_bytes = shrunk.size % kDiskBlockBytes;
  const auto last = shrunk.blocks.find(shrunk.size / kDiskBlockBytes);
  if (kept_bytes > 0 && last != shrunk.blocks.end() && last->second.durable) {
    zero_from(*last->second.durable, kept_bytes);
  }
}

void SimStorage::settle_file(File& settled, const Survival& survival, SimRandom& random) {
  uint64_t sizes_survive_to = 0;
  for (const SizeChange& change : settled.size_changes) {
    if (!random.chance(survival.size)) break;
    sizes_survive_to = change.sequence;
    settled.durable_size = change.size;
    settled.durable_allocated_blocks = change.allocated_blocks;
  }
  settled.size_changes.clear();
  for (const uint64_t number : settled.dirty) {
    settle_block(settled.blocks[number], sizes_survive_to, survival, random);
  }
  settled.dirty.clear();
  settled.size = settled.durable_size;
  settled.allocated_blocks = settled.durable_allocated_blocks;
  std::erase_if(settled.blocks, [](const auto& each) { return !each.second.written; });
  drop_beyond_size(settled);
  count_used(settled);
}

void SimStorage::cut_power(const Survival& survival, SimRandom& random) {
  for (const FileNumber number : dirty_files_) settle_file(file(number), survival, random);
  dirty_files_.clear();
  settle_names(survival, random);
  all_closed();
}

// Damage at rest.

void SimStorage::overwrite_at_rest(FileNumber number, uint64_t position,
                                   std::span<const std::byte> bytes) {
  File& damaged = file(number);
  check(position + bytes.size() <= damaged.size);
  for (uint64_t done = 0; done < bytes.size();) {
    const uint64_t block = (position + done) / kDiskBlockBytes;
    const uint64_t start = (position + done) % kDiskBlockBytes;
    const uint64_t part = std::min(kDiskBlockBytes - start, bytes.size() - done);
    auto image = std::make_unique<Image>(image_of(damaged, block));
    std::memcpy(image->data() + start, bytes.data() + done, part);
    Block& changed = damaged.blocks[block];
    changed.pending.clear();
    changed.durable = std::move(image);
    changed.written = true;
    damaged.dirty.erase(block);
    done += part;
  }
  count_used(damaged);
}

void SimStorage::truncate_at_rest(FileNumber number, uint64_t length_bytes) {
  truncate(number, length_bytes);
  commit_sizes(file(number), kEverything);
}

}  // namespace penstock::sim
