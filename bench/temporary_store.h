// A store in a folder of its own, and what benchmarks put into it and expect to find in it.
//
// Stores lie in the system's folder for temporary files.
#ifndef NUMPACK_BENCH_TEMPORARY_STORE_H_
#define NUMPACK_BENCH_TEMPORARY_STORE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"
#include "numpack/numpack.h"

namespace numpack {

// The array that most benchmarks are about.
inline constexpr char kName[] = "array";

// The folder goes with the object. A store that cannot be opened ends the benchmark: look at
// state.skipped() before using it.
class TemporaryStore {
 public:
  explicit TemporaryStore(benchmark::State& state, const StoreOptions& options = {});
  ~TemporaryStore();
  TemporaryStore(const TemporaryStore&) = delete;
  TemporaryStore& operator=(const TemporaryStore&) = delete;

  std::string path() const { return path_.u8string(); }
  NumPack* operator->() const { return store_.get(); }
  NumPack& operator*() const { return *store_; }

  // Closes the store, and opens it again. Close alone leaves nothing open.
  void Close(benchmark::State& state);
  void Open(benchmark::State& state);

  // Arrays of 200 bytes, in one commit. Their names are OtherName(0) and so on, their first
  // elements 0 and so on.
  void AddOthers(benchmark::State& state, int64_t count);
  static std::string OtherName(int64_t i);

 private:
  std::filesystem::path path_;
  StoreOptions options_;
  std::unique_ptr<NumPack> store_;
};

// So many bytes of float32 that differ from one another and, by `first`, from those of other calls.
std::vector<float> Values(int64_t bytes, float first = 0);

// As rows of 100. Refers to the values.
inline constexpr int64_t kColumns = 100;
View<float> Rows(std::vector<float>& values);

// Expects that the store has these for kName, whatever their shape.
void ExpectStored(benchmark::State& state, const TemporaryStore& store,
                  const std::vector<float>& values);

}  // namespace numpack

#endif  // NUMPACK_BENCH_TEMPORARY_STORE_H_
