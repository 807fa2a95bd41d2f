// Session: what one operation of a Store works on, whatever other threads do to the Store
// meanwhile.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_SESSION_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_SESSION_H_

#include <memory>
#include <shared_mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "numpack/base/status_macros.h"
#include "numpack/numpack.h"
#include "python/numpack/native/gil.h"

namespace numpack::python {

// The RuntimeError for a handle that is not open.
absl::Status ClosedError(absl::string_view path);

// An opened store. Operations share the mutex; closing takes it alone, so that none is cut short.
struct Handle {
  Handle(NumPack opened, std::string opened_path);

  std::shared_mutex mutex;
  NumPack store;
  const std::string path;           // as the user gave it, for messages
  const std::string absolute_path;  // wherever the process goes
};

// Counts what is under way, under the GIL.
class Running {
 public:
  explicit Running(int* count) : count_(count) { ++*count_; }
  ~Running() { --*count_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  int* const count_;
};

class Session {
 public:
  // `batch` is null outside batch mode. `running` counts, under the GIL, the sessions there are.
  Session(std::shared_ptr<Handle> handle, std::shared_ptr<Batch> batch, int* running)
      : handle_(std::move(handle)), batch_(std::move(batch)), running_(running) {}

  // Another thread may have closed the store meanwhile: the last reference goes without the GIL.
  ~Session() {
    if (handle_.use_count() == 1 || batch_.use_count() == 1) {
      WithoutGil([this] {
        batch_.reset();
        handle_.reset();
      });
    }
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::shared_ptr<Batch>& batch() const { return batch_; }

  // The following run work(target) without the GIL; it returns a Status or StatusOr. ClosedError
  // once the store is closed.

  // On the store itself, batch or not.
  template <typename Work>
  auto OnStore(Work&& work) const {
    return WithoutGil([&]() -> decltype(work(handle_->store)) {
      std::shared_lock<std::shared_mutex> shared(handle_->mutex);
      if (!handle_->store.is_open()) return ClosedError(handle_->path);
      return work(handle_->store);
    });
  }

  // On the batch, if there is one, else on the store.
  template <typename Work>
  auto Read(Work&& work) const {
    if (batch_ == nullptr) return OnStore(work);
    return WithoutGil([&]() -> decltype(work(*batch_)) { return work(*batch_); });
  }

  // On the batch, if there is one, else on a transaction, which is committed if all is well.
  template <typename Work>
  absl::Status Change(Work&& work) const {
    if (batch_ != nullptr) return WithoutGil([&] { return work(*batch_); });
    return OnStore([&](NumPack& store) -> absl::Status {
      NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
      NUMPACK_RETURN_IF_ERROR(work(transaction));
      return transaction.Commit();
    });
  }

 private:
  std::shared_ptr<Handle> handle_;
  std::shared_ptr<Batch> batch_;
  const Running running_;
};

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_SESSION_H_
