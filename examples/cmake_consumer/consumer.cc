// Another project's program: a picture in a store, made brighter where it lies.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "numpack/numpack.h"

namespace {

constexpr int64_t kHeight = 480;
constexpr int64_t kWidth = 640;

absl::Status Run(const std::string& path) {
  absl::StatusOr<numpack::NumPack> store = numpack::NumPack::Open(path);
  if (!store.ok()) return store.status();
  const std::vector<uint8_t> grey(kHeight * kWidth, 100);
  absl::Status status = store->Save("picture", numpack::MakeView(grey, {kHeight, kWidth}));
  if (!status.ok()) return status;

  // A writable batch hands out the stored bytes themselves.
  absl::StatusOr<numpack::WritableBatch> writable = store->BeginWritable();
  if (!writable.ok()) return writable.status();
  auto picture = writable->Load<uint8_t>("picture");
  if (!picture.ok()) return picture.status();
  status = numpack::InPlace(*picture).Add(50).Clip(0, 140).Run();
  if (status.ok()) status = writable->Finish();
  if (!status.ok()) return status;

  const auto stored = store->Load<uint8_t>("picture");
  if (!stored.ok()) return stored.status();
  for (int64_t i = 0; i < kHeight * kWidth; ++i) {
    if ((*stored)[i] != 140) return absl::InternalError("pixel " + std::to_string(i) + " is wrong");
  }
  return absl::OkStatus();
}

}  // namespace

int main() {
  const std::string path = "picture.npk";
  std::filesystem::remove_all(path);
  const absl::Status status = Run(path);
  std::printf("%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
