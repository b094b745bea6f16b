# What tools/demo and tools/test share: get the packages that are missing, and
# build a preset. Sourced by bash, with $root set to the checkout.

# One need a line: its name for apt, dnf, FreeBSD's pkg and brew. Several
# packages are joined by commas; "-" says that the system brings it or has
# none.
setup_programs='
build-essential gcc,gcc-c++,make    -              -
cmake           cmake               cmake          cmake
pkg-config      pkgconf-pkg-config  pkgconf        pkgconf
libck-dev       ck-devel            concurrencykit concurrencykit
liburcu-dev     userspace-rcu-devel liburcu        userspace-rcu
libsodium-dev   libsodium-devel     libsodium      libsodium
uthash-dev      uthash-devel        uthash         uthash
libssl-dev      openssl-devel       openssl        openssl@3
redis-tools     redis               redis          redis
libcjson-dev    cjson-devel         libcjson       cjson
libncurses-dev  ncurses-devel       ncurses        ncurses
'
setup_tests="$setup_programs"'
libcmocka-dev   libcmocka-devel     cmocka         cmocka
libc-ares-dev   c-ares-devel        c-ares         c-ares
libhwloc-dev    hwloc-devel         hwloc2         hwloc
openssl         openssl             openssl        openssl@3
systemtap-sdt-dev systemtap-sdt-devel -            -
clang           clang               -              -
libclang-rt-dev compiler-rt         -              -
librust-libc-dev -                  -              -
llvm            llvm                -              -
nodejs          nodejs              node           node
prometheus      golang-github-prometheus prometheus prometheus
libuv1-dev      libuv-devel         libuv          libuv
libev-dev       libev-devel         libev          libev
libevent-dev    libevent-devel      libevent       libevent
libboost-dev    boost-devel         boost-libs     boost
libglib2.0-dev  glib2-devel         glib           glib
valgrind        valgrind            valgrind       -
gnuplot-nox     gnuplot             gnuplot-lite   gnuplot
clang-format    clang-tools-extra   -              clang-format
python3         python3             python3        python3
spin            -                   -              spin
redis-server    redis               redis          redis
curl            curl                curl           curl
wrk             -                   wrk            wrk
python3-redis   python3-redis       py311-redis    -
memcached       memcached           memcached      memcached
nginx           nginx               nginx          nginx
tcl             tcl                 tcl86          tcl-tk
libhiredis-dev  hiredis-devel       hiredis        hiredis
'
setup_coverage="$setup_tests"'
gcovr           gcovr               py311-gcovr    gcovr
'

say() {
	echo "gyre: $*" >&2
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# -- packages ----------------------------------------------------------------

apt_has() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1")" = installed ]
}

# Install without questions and without starting a service that a package
# brings: what policy-rc.d forbids is not started, and the services stay off at
# the next boot too. The package lists are renewed only if they are
# absent or too old.
apt_script='
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap "rm -f $policy" EXIT
	trap "exit 130" INT TERM
	printf "#!/bin/sh\nexit 101\n" >$policy
	chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
get() {
	apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "$@"
}
get "$@" || { apt-get -q update; get "$@"; }
for service in redis-server prometheus memcached nginx; do
	case " $* " in
	*" $service "*) update-rc.d $service disable ;;
	esac
done
'
apt_install() {
	as_root sh -euc "$apt_script" apt "$@"
}

# setup_missing COLUMN TABLE CHECK...: the packages that CHECK does not find.
setup_missing() {
	local column=$1 table=$2 package
	shift 2
	awk -v n="$column" 'NF && $n != "-" { print $n }' <<<"$table" |
		tr ',' '\n' | sort -u | while read -r package; do
			"$@" "$package" </dev/null >/dev/null 2>&1 ||
				echo "$package"
		done
}

# setup_packages TABLE: install what is missing of it.
setup_packages() {
	local missing command
	if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
		missing=$(setup_missing 1 "$1" apt_has)
		command="apt-get install --no-install-recommends"
		set -- apt_install
	elif command -v dnf >/dev/null; then
		missing=$(setup_missing 2 "$1" rpm -q)
		command="dnf install -y"
		set -- as_root dnf install -y
	elif command -v pkg >/dev/null && [ "$(uname -s)" = FreeBSD ]; then
		missing=$(setup_missing 3 "$1" pkg info -e)
		command="pkg install -y"
		set -- as_root pkg install -y
	elif command -v brew >/dev/null; then
		missing=$(setup_missing 4 "$1" brew list --versions)
		command="brew install"
		set -- brew install
	else
		say "no apt-get, dnf, pkg or brew here; docs/building.md says" \
			"what to install"
		return 0
	fi
	[ -n "$missing" ] || return 0

	missing=$(tr '\n' ' ' <<<"$missing")
	say "installing what is missing: $command $missing"
	if [ "$1" != brew ] && [ "$(id -u)" -ne 0 ] &&
		! command -v sudo >/dev/null; then
		say "this needs root, or sudo"
		return 1
	fi
	mkdir -p "$root/build"
	# shellcheck disable=SC2086 # one word a package
	setup_quietly "$root/build/packages.log" "$@" $missing
}

# -- building ----------------------------------------------------------------

# setup_quietly LOG COMMAND...: its output goes to the log, and is shown
# without the lines of progress if it fails.
setup_quietly() {
	local log=$1 status=0
	shift
	"$@" >"$log" 2>&1 </dev/null || status=$?
	[ "$status" -eq 0 ] || grep -v '^\[ *[0-9]*%\]' "$log" >&2 || true
	return "$status"
}

processors() {
	nproc 2>/dev/null || getconf _NPROCESSORS_ONLN
}

# setup_build PRESET TARGET [CMAKE OPTION...]
setup_build() {
	local preset=$1 target=$2 directory=$root/build/$1
	shift 2
	mkdir -p "$directory" && [ -w "$directory" ] || {
		say "cannot write to $directory"
		return 1
	}
	say "configuring $preset"
	setup_quietly "$directory/configure.log" \
		cmake -S "$root" --preset "$preset" "$@" || return 1
	say "building $preset"
	setup_quietly "$directory/build.log" \
		cmake --build "$directory" --target "$target" -j "$(processors)"
}
