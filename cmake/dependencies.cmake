# Abseil and Highway: what find_package() finds where that is new enough, else the archives that bazel/dependencies.bzl
# pins. CMAKE_DISABLE_FIND_PACKAGE_absl=ON (_hwy) takes the archives at once.
#
# An archive that lies in NUMPACK_DISTDIR is not downloaded, so that a machine without a network can build.
include(FetchContent)

if(POLICY CMP0135)
  cmake_policy(SET CMP0135 NEW) # files of archives are as old as their unpacking
endif()

set(NUMPACK_DISTDIR ${CMAKE_CURRENT_SOURCE_DIR}/.distdir CACHE PATH "Folder with archives of Abseil and Highway")

# numpack_archive(FETCHED PINNED): declares the archive that Bazel knows as PINNED; archive_version is which one it is.
function(numpack_archive fetched pinned)
  file(READ ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../bazel/dependencies.bzl pins)
  string(REGEX MATCH "name = \"${pinned}\",\n *sha256 = \"([^\"]+)\",\n *strip_prefix = \"([^\"]+)\",\n *urls = \\[\"([^\"]+)\"\\]"
         match "${pins}")
  if(NOT match)
    message(FATAL_ERROR "bazel/dependencies.bzl does not pin ${pinned}")
  endif()
  set(hash ${CMAKE_MATCH_1})
  set(url ${CMAKE_MATCH_3})
  string(REGEX REPLACE "^[a-z-]+" "" version ${CMAKE_MATCH_2})
  set(archive_version ${version} PARENT_SCOPE)
  cmake_path(GET url FILENAME name)
  if(EXISTS ${NUMPACK_DISTDIR}/${name})
    set(url ${NUMPACK_DISTDIR}/${name})
  endif()
  message(STATUS "NumPack: building ${fetched} from ${url}")
  FetchContent_Declare(${fetched} URL ${url} URL_HASH SHA256=${hash})
endfunction()

# numpack_probe(RESULT PACKAGE): whether find_package() finds one that is new enough.
function(numpack_probe result package)
  set(${result} OFF PARENT_SCOPE)
  if(CMAKE_DISABLE_FIND_PACKAGE_${package})
    return()
  endif()
  list(JOIN CMAKE_PREFIX_PATH "\\;" prefixes)
  set(flags "-DPACKAGE=${package}" "-DCMAKE_PREFIX_PATH=${prefixes}")
  foreach(variable ${package}_DIR CMAKE_TOOLCHAIN_FILE)
    if(${variable})
      list(APPEND flags "-D${variable}=${${variable}}")
    endif()
  endforeach()
  try_compile(good ${CMAKE_CURRENT_BINARY_DIR}/probe_${package} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/probe probe
              CMAKE_FLAGS ${flags})
  set(${result} ${good} PARENT_SCOPE)
  unset(good CACHE) # what is found may be another one the next time
endfunction()

function(numpack_need_abseil)
  numpack_probe(found absl)
  if(found)
    find_package(absl CONFIG REQUIRED)
    message(STATUS "NumPack: found Abseil ${absl_VERSION} in ${absl_DIR}")
    return()
  endif()
  numpack_archive(absl com_google_absl)
  set(ABSL_ENABLE_INSTALL ${NUMPACK_INSTALL})
  set(ABSL_PROPAGATE_CXX_STD ON)
  set(ABSL_USE_SYSTEM_INCLUDES ON)
  set(CMAKE_CXX_STANDARD 17)
  FetchContent_MakeAvailable(absl)
endfunction()

function(numpack_need_highway)
  numpack_probe(found hwy)
  if(found)
    find_package(hwy CONFIG REQUIRED)
    message(STATUS "NumPack: found Highway ${hwy_VERSION} in ${hwy_DIR}")
    return()
  endif()
  numpack_archive(hwy com_google_highway)
  # Of contrib we need headers alone; its sorting takes minutes to compile.
  foreach(part CONTRIB EXAMPLES TESTS)
    set(HWY_ENABLE_${part} OFF CACHE INTERNAL "")
  endforeach()
  set(HWY_ENABLE_INSTALL ${NUMPACK_INSTALL} CACHE INTERNAL "")
  set(BUILD_TESTING OFF)
  set(CMAKE_PROJECT_VERSION ${archive_version}) # which its libhwy.pc takes for its own
  FetchContent_MakeAvailable(hwy)
  add_library(hwy::hwy ALIAS hwy)
  if(NUMPACK_INSTALL)
    install(DIRECTORY ${hwy_SOURCE_DIR}/hwy/contrib/math DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hwy/contrib
            FILES_MATCHING PATTERN "*-inl.h")
  endif()
endfunction()
