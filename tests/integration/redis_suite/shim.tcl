# What the harness of Redis's test-suite does another way here; sourced by its
# test_helper.tcl before it reads its arguments.

# How Redis lays values out is set by these, and nothing that a client sees
# depends on it: gyre-kv has layouts of its own.
proc is_layout {words} {
	lassign $words command subcommand name
	expr {[string tolower "$command $subcommand"] eq "config set" &&
	      [regexp {^(list|hash|set|zset|quicklist)-.*(entries|value|size|depth)$} \
		   $name]}
}

rename ::redis::__dispatch__ ::redis::dispatch_to_server
proc ::redis::__dispatch__ {id method args} {
	if {[is_layout [list $method {*}$args]]} {
		return OK
	}
	tailcall ::redis::dispatch_to_server $id $method {*}$args
}
