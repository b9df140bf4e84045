divert(-1)
# A residential proxy: registrar, calls between subscribers, voicemail on no answer, a gateway for numbers.
#
#   sipc run examples/residential/residential.m4 -p m4
#   sipc run examples/residential/residential.m4 -p "m4 -D PORT=5070 -D VOICEMAIL=sip:vm@127.0.0.1:5090"
#
# Every line of the rendered script remembers its line in this template: errors, log lines, tracebacks and breakpoints
# name this file.

changequote([, ])
ifdef([ADDRESS], [], [define([ADDRESS], [127.0.0.1])])
ifdef([PORT], [], [define([PORT], [5060])])
ifdef([DOMAIN], [], [define([DOMAIN], [example.org])])
ifdef([VOICEMAIL], [], [define([VOICEMAIL], [])])
ifdef([GATEWAY], [], [define([GATEWAY], [])])
ifdef([FIFO], [], [define([FIFO], [/tmp/opensips_fifo])])
ifdef([RING_SECONDS], [], [define([RING_SECONDS], [30])])

# refuse(code, reason): answer and end the script
define([refuse], [send_reply($1, "$2");
		exit;])
divert(0)dnl
####### Global parameters

log_level=2
xlog_level=3
stderror_enabled=yes
syslog_enabled=no
udp_workers=1

socket=udp:ADDRESS:PORT
socket=tcp:ADDRESS:PORT
alias=udp:DOMAIN:PORT

####### Modules

loadmodule "proto_udp.so"
loadmodule "proto_tcp.so"
loadmodule "signaling.so"
loadmodule "sl.so"

loadmodule "tm.so"
modparam("tm", "fr_timeout", 5)
modparam("tm", "fr_inv_timeout", RING_SECONDS)
modparam("tm", "restart_fr_on_each_reply", 0)

loadmodule "rr.so"
modparam("rr", "append_fromtag", 0)

loadmodule "maxfwd.so"
loadmodule "sipmsgops.so"
loadmodule "textops.so"
loadmodule "options.so"

loadmodule "mi_fifo.so"
modparam("mi_fifo", "fifo_name", "FIFO")

loadmodule "usrloc.so"
modparam("usrloc", "working_mode_preset", "single-instance-no-db")

loadmodule "registrar.so"
modparam("registrar", "default_expires", 600)
modparam("registrar", "max_contacts", 10)

loadmodule "acc.so"
modparam("acc", "early_media", 0)
modparam("acc", "report_cancels", 0)

####### Routes

route {
	if (!mf_process_maxfwd_header(10)) {
		refuse(483, Too Many Hops)
	}

	if (has_totag()) {
		route(within_dialog);
	}

	if (is_method("CANCEL")) {
		if (t_check_trans())
			t_relay();
		exit;
	}

	# Retransmissions are absorbed here.
	t_check_trans();

	if (is_method("OPTIONS") && is_myself("$rd") && $rU == NULL) {
		options_reply();
		exit;
	}

	route(checks);

	if (is_method("REGISTER")) {
		route(register);
	}

	if (!is_method("MESSAGE"))
		record_route();

	if (is_method("INVITE")) {
		do_accounting("log");
		xlog("L_INFO", "call $ci: $fU calls $rU");
	}

	if (!is_myself("$rd")) {
		xlog("L_INFO", "$ci: leaves for $rd");
		route(relay);
	}

	route(to_subscriber);
}

# Requests inside a dialog follow the route set.
route[[within_dialog]] {
	if (is_method("ACK") && t_check_trans()) {
		t_relay();
		exit;
	}

	if (!loose_route()) {
		refuse(404, Not here)
	}

	if (is_method("BYE")) {
		do_accounting("log", "failed");
		xlog("L_INFO", "call $ci: ended by $fU");
	}

	route(relay);
}

# Who may ask for what, before any work is done for it.
route[[checks]] {
	if ($ua =~ "friendly-scanner|sipvicious|sipsak") {
		xlog("L_WARN", "scanner at $si:$sp");
		exit;
	}

	if (!is_method("REGISTER") && !is_myself("$fd") && !is_myself("$rd")) {
		refuse(403, Relay Forbidden)
	}

	# A route set that somebody made up.
	if (loose_route()) {
		xlog("L_ERR", "preloaded route from $si [[$fu/$tu/$ru/$ci]]");
		if (!is_method("ACK"))
			send_reply(403, "Preload Route denied");
		exit;
	}

	if (is_method("PUBLISH|SUBSCRIBE")) {
		refuse(503, Service Unavailable)
	}
}

route[[register]] {
	if (!save("location")) {
		xlog("L_ERR", "cannot register $tu");
	} else {
		xlog("L_INFO", "registered $tU at $si:$sp");
	}
	exit;
}

# Calls to our own users, then the gateway, then the end of the road.
route[[to_subscriber]] {
	if ($rU == NULL) {
		refuse(484, Address Incomplete)
	}

ifelse(GATEWAY, [], [], [	if ($rU =~ "^\+?[0-9]{3,15}$") {
		$du = "GATEWAY";
		xlog("L_INFO", "call $ci: number $rU to the gateway");
		route(relay);
	}

])dnl
	if (!lookup("location", "method-filtering")) {
		switch ($rc) {
			case -1:
				t_reply(404, "Not Found");
				break;
			case -2:
				t_reply(405, "Method Not Allowed");
				break;
			default:
				t_reply(500, "Location Unavailable");
		}
		exit;
	}

	do_accounting("log", "missed");
	route(relay);
}

route[[relay]] {
	if (is_method("INVITE")) {
		t_on_branch("outgoing");
		t_on_reply("answers");
		t_on_failure("unanswered");
	}

	if (!t_relay()) {
		send_reply(500, "Internal Error");
	}
	exit;
}

branch_route[[outgoing]] {
	xlog("L_INFO", "call $ci: rings $ru");
}

onreply_route[[answers]] {
	if ($rs >= 200 && $rs < 300) {
		xlog("L_INFO", "call $ci: answered with $rs");
	}
}

failure_route[[unanswered]] {
	if (t_was_cancelled()) {
		exit;
	}
ifelse(VOICEMAIL, [], [], [
	if (t_check_status("486|408|480")) {
		xlog("L_INFO", "call $ci: to voicemail");
		$ru = "VOICEMAIL";
		if (!t_relay())
			t_reply(500, "Voicemail Unavailable");
		exit;
	}
])dnl
	xlog("L_INFO", "call $ci: failed with $T_reply_code");
}
