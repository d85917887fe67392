#include "io/threads/threads_disk.h"

namespace penstock {
namespace {

// Enough to keep a disk busy with large writes and a flush beside them.
constexpr uint32_t kWorkerCount = 8;

}  // namespace

ThreadsDisk::ThreadsDisk(Doorbell& doorbell, const ArenaPools& pools, Reporter& reporter,
                         uint32_t open_files_max)
    : files_(open_files_max, pools, reporter), workers_(kWorkerCount, doorbell) {}

void ThreadsDisk::submit(DiskRequest& request) {
  if (const auto error = files_.begin(request)) {
    request.error = *error;
    refused_.push(request);
    return;
  }
  const int descriptor = names_a_file(request.operation) ? files_.descriptor_of(request.file) : -1;
  request.disk_private = static_cast<uint64_t>(descriptor);
  workers_.submit(request);
}

uint64_t ThreadsDisk::complete_ready() {
  uint64_t completed_count = 0;
  for (DiskRequest* request = refused_.take_all(); request != nullptr; ++completed_count) {
    DiskRequest* next = request->next;
    OpenFiles::refuse(*request, request->error);
    request = next;
  }
  for (DiskRequest* request = workers_.take_finished(); request != nullptr; ++completed_count) {
    DiskRequest* next = request->next;
    count(*request, static_cast<int64_t>(request->disk_private));
    files_.end(*request, static_cast<int64_t>(request->disk_private));
    request = next;
  }
  return completed_count;
}

}  // namespace penstock
