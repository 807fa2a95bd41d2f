// The operations of the public API, each with what it changes: the table that the tests of this
// folder run through. An operation added here gets all their cases.
#ifndef NUMPACK_TESTS_FAULTS_OPERATIONS_H_
#define NUMPACK_TESTS_FAULTS_OPERATIONS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"
#include "numpack/numpack.h"

namespace numpack::faults {

// What a store holds: dtype, shape and elements of each array, by name.
using Contents = std::map<std::string, std::string>;

// Reads every array; what cannot be read fails the test.
Contents ReadAll(ArrayStore& store);
// An array as ReadAll has it.
std::string Describe(const ArrayView& view);

// No thread whose calls would be counted, and no waiting for locks.
StoreOptions Quiet();

// What an operation works on.
struct Scene {
  std::shared_ptr<Backend> backend;  // the store's directory
  std::optional<NumPack> store;      // open, unless the operation opens it
  std::shared_ptr<Backend> other;    // an empty directory
};

// How far all or nothing goes.
enum class Promise {
  kAtomic,   // the state is the old or the new one
  kInPlace,  // the same, but for arrays that Interrupted() names, or whose changes were begun
};

struct Operation {
  std::string name;
  std::function<absl::Status(Scene&)> run;
  // Makes of the old contents the new ones.
  std::function<void(Contents&)> effect = [](Contents&) {};
  // Before it, beyond what every store has to begin with.
  std::function<absl::Status(Scene&)> prepare = nullptr;
  // Makes the directory, where it is not that of a store with the usual arrays. `run` opens it.
  std::function<absl::Status(Backend&)> make_directory = nullptr;
  bool opens = false;    // `run` finds the store closed, and may leave it open
  bool explains = true;  // an error has the message of the call that failed
  Promise promise = Promise::kAtomic;
};

const std::vector<Operation>& Operations();

// Saves what every store has to begin with, some of it durable: "a" is small, "p" has pages of its
// own, "l" a segment of its own, "d" rows that are dropped and only noted, "r" is there to go.
absl::Status FillStore(NumPack& store);

}  // namespace numpack::faults

#endif  // NUMPACK_TESTS_FAULTS_OPERATIONS_H_
