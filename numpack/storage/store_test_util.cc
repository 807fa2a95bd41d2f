#include "numpack/storage/store_test_util.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/handing_on.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

class BootIdBackend final : public HandingOnBackend {
 public:
  BootIdBackend(std::shared_ptr<Backend> inner, std::string boot_id)
      : HandingOnBackend(std::move(inner)), boot_id_(std::move(boot_id)) {}
  std::string BootId() override { return boot_id_; }

 private:
  const std::string boot_id_;
};

class ProcessBackend final : public HandingOnBackend {
 public:
  ProcessBackend(std::shared_ptr<Backend> inner, std::string name, bool shares_memory)
      : HandingOnBackend(std::move(inner)), name_(std::move(name)), shares_memory_(shares_memory) {}
  BackendCapabilities capabilities() const override {
    BackendCapabilities can = HandingOnBackend::capabilities();
    can.shared_mappings = shares_memory_;
    can.process_locks = true;
    return can;
  }
  std::string Identity() const override {
    return absl::StrCat(HandingOnBackend::Identity(), " in ", name_);
  }

 private:
  const std::string name_;
  const bool shares_memory_;
};

}  // namespace

absl::Status PutBytes(Store& store, absl::string_view name, absl::string_view bytes) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, transaction.Allocate(name, bytes.size()));
  NUMPACK_RETURN_IF_ERROR(extent.Write(0, AsBytes(bytes)));
  NUMPACK_RETURN_IF_ERROR(transaction.Put(name, std::move(extent), "metadata"));
  return transaction.Commit();
}

absl::Status AppendBytes(Store& store, absl::string_view name, absl::string_view bytes) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, transaction.Extend(name, {AsBytes(bytes)}));
  NUMPACK_RETURN_IF_ERROR(transaction.Put(name, std::move(extent), "metadata"));
  return transaction.Commit();
}

absl::StatusOr<bool> RewriteBytes(Store& store, absl::string_view name, uint64_t offset,
                                  absl::string_view bytes) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  return transaction.Rewrite(
      name,
      {{offset,
        absl::MakeConstSpan(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size())}},
      "");
}

absl::Status RemoveName(Store& store, absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  NUMPACK_RETURN_IF_ERROR(transaction.Remove(name));
  return transaction.Commit();
}

absl::StatusOr<std::string> GetBytes(Store& store, absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes bytes, store.Find(name));
  NUMPACK_ASSIGN_OR_RETURN(const SharedBytes view, bytes.View());
  return std::string(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
}

Contents AllContents(Store& store) {
  Contents contents;
  for (const std::string& name : store.List()) {
    const absl::StatusOr<std::string> bytes = GetBytes(store, name);
    EXPECT_EQ(bytes.status(), absl::OkStatus());
    contents[name] = bytes.value_or("unreadable");
  }
  return contents;
}

std::string ReadFile(Backend& backend, absl::string_view name) {
  auto file = backend.Open(name, OpenMode::kReadOnly);
  EXPECT_EQ(file.status(), absl::OkStatus());
  std::string bytes((*file)->Size().value_or(0), '\0');
  EXPECT_EQ(
      (*file)->ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(bytes.data()), bytes.size())),
      absl::OkStatus());
  return bytes;
}

void WriteFile(Backend& backend, absl::string_view name, absl::string_view bytes) {
  auto file = backend.Open(name, OpenMode::kCreate);
  ASSERT_EQ(file.status(), absl::OkStatus());
  ASSERT_EQ((*file)->Truncate(bytes.size()), absl::OkStatus());
  ASSERT_EQ((*file)->WriteAt(0, AsBytes(bytes)), absl::OkStatus());
}

std::map<std::string, std::string> ReadAllFiles(Backend& backend) {
  std::map<std::string, std::string> files;
  const auto names = backend.List();
  for (const std::string& name : *names) files[name] = ReadFile(backend, name);
  return files;
}

std::shared_ptr<Backend> WithBootId(std::shared_ptr<Backend> inner, std::string boot_id) {
  return std::make_shared<BootIdBackend>(std::move(inner), std::move(boot_id));
}

std::shared_ptr<Backend> AsProcess(std::shared_ptr<Backend> inner, std::string name,
                                   bool shares_memory) {
  return std::make_shared<ProcessBackend>(std::move(inner), std::move(name), shares_memory);
}

std::shared_ptr<Backend> CopyOf(Backend& from, const std::string& boot_id) {
  std::shared_ptr<Backend> copy = NewMemoryBackend();
  for (const auto& [name, bytes] : ReadAllFiles(from)) WriteFile(*copy, name, bytes);
  return WithBootId(std::move(copy), boot_id);
}

}  // namespace numpack::storage
