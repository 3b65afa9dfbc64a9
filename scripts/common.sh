# SPDX-License-Identifier: MIT
# What quickstart and test share. Sourced with bash, from the top folder of the project.
# shellcheck shell=bash disable=SC2034

BUILD_PACKAGES=(gcc libc6-dev make cmake pkg-config openmpi-bin libopenmpi-dev libhdf5-dev
  libblis-openmp-dev libjansson-dev libcyaml-dev libyaml-dev libxxhash-dev libhwloc-dev zlib1g-dev
  libzip-dev libdeflate-dev libprotobuf-c-dev protobuf-c-compiler)
DATA_PACKAGES=(dataset-fashion-mnist python3)
TEST_PACKAGES=(libcmocka-dev python3 python3-venv iproute2 slurm-wlm munge)

# stage "what happens now"
stage() { printf '\n== %s\n' "$*"; }

# die "what is wrong" "what to do"
die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '       %s\n' "$2" >&2
  exit 1
}

# Run a command that may talk a lot: its output goes to a file, shown only when it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# The packages among "$@" that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s\n' "$package"
  done
}

# sudo without a question, or with somebody there to give it the password.
may_sudo() {
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || [ -t 0 ]
}

# Install what is missing of "$@"; nothing is done when all is there.
need_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is no Debian or Ubuntu system, so nothing is installed. Needed, by Debian's names:"
    echo "  $*"
    echo "Going on with what is here; the build names what it cannot find."
    return 0
  fi
  local missing root=()
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    echo "all packages are here"
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    may_sudo || die "these packages are missing: ${missing[*]}" "as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  echo "installing: ${missing[*]}"
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120)
  quietly "${apt[@]}" update ||
    echo "note: apt-get update failed; trying with the package lists that are here"
  quietly "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install: ${missing[*]}" "its messages are above; once they are solved, run this again"
}

# Physical cores this process may use, within a container's CPU quota.
usable_cores() {
  local cores physical quota period
  cores=$(nproc)
  physical=$(lscpu -p=core,socket 2>/dev/null | grep -v '^#' | sort -u | wc -l)
  [ "$physical" -ge 1 ] && [ "$physical" -lt "$cores" ] && cores=$physical
  if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [ "$quota" != max ]; then
    quota=$(((quota + period - 1) / period))
    [ "$quota" -lt "$cores" ] && cores=$quota
  fi
  echo "$cores"
}

# Configure and build in build/ as Release. Extra CMake arguments: "$@" and $LOCKSTEP_CMAKE_ARGS.
build_release() {
  local extra
  read -ra extra <<<"${LOCKSTEP_CMAKE_ARGS:-}"
  quietly cmake -B build -DCMAKE_BUILD_TYPE=Release "$@" "${extra[@]}" ||
    die "CMake could not configure the build" "its message is above"
  quietly cmake --build build -j "$(nproc)" || die "the build failed" "the compiler's messages are above"
}

# Open MPI refuses root unless told, and containers forbid the copy it tries first.
mpi_environment() {
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_btl_vader_single_copy_mechanism=none
  export OMPI_MCA_btl_base_warn_component_unused=0
}
