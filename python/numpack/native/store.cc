// Life cycle: opening, closing, flushing.

#include "python/numpack/native/store.h"

#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "numpack/base/status_macros.h"
#include "python/numpack/native/gil.h"
#include "python/numpack/native/status.h"

namespace numpack::python {

namespace nb = nanobind;

Store::~Store() {
  if (!is_open()) return;
  if (const absl::Status status = CloseStatus(); !status.ok()) {
    try {
      Raise(status);
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("numpack: closing a store that nobody closed");
    }
  }
}

std::string Store::Open(double lock_wait_seconds, bool checksum, bool read_only, bool mappings) {
  std::string warning;
  if (is_open()) return warning;
  StoreOptions options;
  options.lock_wait = absl::Seconds(lock_wait_seconds);
  options.checksum = checksum;
  options.read_only = read_only;
  options.mappings = mappings;
  options.on_warning = [&warning](absl::string_view message) { warning = std::string(message); };
  auto opened = WithoutGil([&]() -> absl::StatusOr<std::shared_ptr<Handle>> {
    NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(path_, options));
    return std::make_shared<Handle>(std::move(store), path_);
  });
  std::shared_ptr<Handle> handle = ValueOrRaise(std::move(opened));
  if (!is_open()) {
    handle_ = std::move(handle);
    return warning;
  }
  WithoutGil([&handle] { handle.reset(); });  // another thread was faster
  return "";
}

absl::Status Store::CloseStatus() {
  std::shared_ptr<Handle> handle = std::move(handle_);
  std::shared_ptr<Batch> batch = std::move(batch_);
  hot_.Clear();
  const bool doomed = batch_doomed_;
  batch_depth_ = 0;
  batch_doomed_ = false;
  // Its block goes on with it.
  const std::shared_ptr<WritableArrays> writable = std::move(writable_);
  if (handle == nullptr) return absl::OkStatus();
  return WithoutGil([&]() -> absl::Status {
    absl::Status published;
    if (batch != nullptr) published = LeaveBatch(*batch, doomed, /*discard=*/false);
    batch.reset();
    absl::Status closed;
    {
      std::unique_lock<std::shared_mutex> alone(handle->mutex);
      closed = handle->store.Close();
    }
    handle.reset();
    // A directory that has been removed under us has nothing left to close.
    if (absl::IsNotFound(closed)) closed = absl::OkStatus();
    return published.ok() ? closed : published;
  });
}

void Store::Close() { Check(CloseStatus()); }

Session Store::Enter() const {
  if (handle_ == nullptr) Raise(ClosedError(path_));
  if (strict_ && !in_context_) {
    Raise(PythonError(
        "RuntimeError",
        absl::StrCat("NumPack '", path_, "' is in strict context mode: use it in a `with` block")));
  }
  return Session(handle_, batch_, &running_);
}

bool Store::IsMapped() const {
  bool mapped = false;
  Check(Enter().OnStore([&mapped](NumPack& store) {
    mapped = store.is_mapped();
    return absl::OkStatus();
  }));
  return mapped;
}

void Store::Flush() {
  Check(Enter().OnStore([](NumPack& store) { return store.Flush(); }));
}

}  // namespace numpack::python
