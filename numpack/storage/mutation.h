// Mutations: rules of storage that can be broken on purpose, to see that a test notices.
//
// In every normal build IsBroken() is the constant false, and what depends on it is not compiled
// in. In a build with --define=numpack_mutations=1 the environment variable NUMPACK_MUTATION says
// which rule is broken; tools/checks/mutations.sh has the list, with the test that must fail for
// each.
#ifndef NUMPACK_STORAGE_MUTATION_H_
#define NUMPACK_STORAGE_MUTATION_H_

#ifdef NUMPACK_MUTATIONS
#include <cstdlib>
#include <cstring>
#endif

namespace numpack::storage {

#ifdef NUMPACK_MUTATIONS
inline bool IsBroken(const char* rule) {
  static const char* const broken = std::getenv("NUMPACK_MUTATION");
  return broken != nullptr && std::strcmp(broken, rule) == 0;
}
#else
constexpr bool IsBroken(const char* /*rule*/) { return false; }
#endif

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_MUTATION_H_
