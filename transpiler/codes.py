# ruff: noqa: E501
"""Every diagnostic code with its title, explanation and an example: what `sipc explain E0110` prints.

E00xx preprocessing, E01xx syntax, E10xx names, E20xx types and routes, W lints.  A code is never used for another
thing; the texts of its messages may change.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CODES", "Code", "explain"]


class Code(NamedTuple):
    """One kind of finding."""

    code: str
    title: str
    text: str
    example: str
    """Script lines that earn it; "" if none would help."""


_CODES = r"""
E0001 Preprocessing failed
The script could not be turned into plain script text.

E0002 File cannot be read
The script, or a file named by include_file or import_file, is not there or may not be read. Included files are looked for in the directory where sipc was started, then beside the including file.
    include_file "no-such-file.cfg"

E0003 NUL byte in the script
A script is text; a file with NUL bytes is something else, or was saved in UTF-16.

E0004 Includes nested too deeply
Fifty files deep is the limit. Usually a file includes itself, directly or through others.

E0010 Preprocessor command cannot be read
The text behind -p is split like a shell command line: check its quotes.

E0011 Preprocessor cannot be run
The program behind -p is not installed, or not executable.

E0012 Preprocessor failed
The program behind -p ended with an error. What it wrote to stderr is shown; when it names a line of the template, the message stands there.

E0013 Preprocessor took too long
The program behind -p was stopped after its time limit. Often it waits for input that never comes.

E0014 Preprocessor wrote nothing
The program behind -p succeeded but printed no script. Most need a '-' argument to read from stdin.

E0015 Preprocessor wrote too much
The expanded script is larger than any script should be. Look for a macro that expands without end.

E0101 Empty script
There is nothing but blanks and comments.

E0102 Unexpected text
This does not fit here, and none of the usual mistakes explains it. The hint lists what could have stood here.
    $var(x) = "a" "b";

E0103 String without its other quote
A string begins or ends here, but the other quote is missing on its line. Strings may span lines; when the text behind shows that this one was not meant to, the message stands at its opening quote.
    xlog("hello);

E0104 Variable not closed
The bracket opened by a variable is not closed on its line. Variables cannot span lines.
    $var(count = 1;

E0105 Not a number
Numbers are decimal, 0x and hexadecimal digits, or 0 and octal digits. There are no fractions.
    $var(x) = 1.5;

E0106 '//' is no comment
Comments begin with # and end with the line, or stand between /* and */.
    exit; // done

E0107 Reserved word
Words of the language and names of core parameters cannot name routes, and core parameters cannot be set inside of routes.
    route[alias] { exit; }

E0110 Missing ';'
Every simple statement ends with a semicolon. The message stands behind the statement that lacks it.
    xlog("a")
    exit;

E0111 Missing bracket
A ( or [ is not closed before the statement or its body goes on.
    if (is_method("INVITE") {

E0112 Missing '}'
The file ends, or the next route begins, while a block is still open. The note shows the '{' whose partner is missing, as far as the indentation tells.
    route {
        if ($rm == "INVITE") {
            exit;
    }

E0113 '}' without '{'
There is one closing brace too much; perhaps an earlier one closed the route too soon.
    route { exit; } }

E0114 Empty route
The body of a route needs at least one statement.
    route[todo] { }

E0115 'else' without 'if'
Nothing may stand between the body of an if and its else, not even a semicolon.
    if ($rm == "ACK") { exit; }; else { drop; }

E0116 Word of another language
elseif, then, endif, do, continue and foreach do not exist in the script language.
    elseif ($rm == "BYE") { exit; }

E0117 Outside of a route
At file level stand core parameters (name=value), loadmodule, modparam, and routes. Statements belong into a route.
    xlog("hello");

E0118 Bare word
A command is called with brackets, even without arguments, and a variable begins with $.
    t_relay;

E0119 Text without quotes
Text is written in double or single quotes.
    setflag(NAT);

E0120 No such operator
The comparisons are == != < > <= >= =~ !~, the assignments = := += -= *= /= %= &= |= ^=. There is no ++ and no ===.
    if ($rs => 300) exit;

E0121 Not a module file
loadmodule takes the name of the file, with .so behind it.
    loadmodule "tm"

E0122 Broken variable
Variables are $name, $name(inner) or $(name(inner)[index]{class.function,arguments}). Index and transformations stand inside of $( ). A dollar sign in a format is written $$.
    xlog("$(ru{s.len)");

E0123 NULL with this assignment
Only = and := take NULL.
    $var(x) += NULL;

E0124 Missing opening bracket
The ( behind a word, or the { before a body, is missing.
    if $rm == "INVITE") exit;

E0125 'break' outside
break leaves the innermost while, for or switch. Before OpenSIPS 1.2 it ended the route: write return; for that.
    route { break; }

E0126 Switch and its cases
A switch holds one case or more, then at most one default. A case takes a number or a string and ends with a colon.
    switch ($rs) { default: exit; }

E0127 Not a condition
A condition compares a variable (on the left) with a value, calls a function, or names a variable. Arithmetic stands in [ ]. Results of calls are tested, not compared.
    if ("INVITE" == $rm) exit;

E0128 Something too much, or a comma missing
A bracket, semicolon or comma that has no partner, or a missing comma between arguments.
    if ($rs == 200)) exit;

E0129 Head of a route
route, failure_route, onreply_route, branch_route and event_route are followed by [name], timer_route by [name, seconds]; error_route, local_route and startup_route have no name.
    timer_route[clean] { exit; }

E0130 No value
Nothing stands behind the = of a core parameter.
    alias=

E0131 Wrong kind of value
Each core parameter takes a number (or yes and no), a string in quotes, or a word, as `sipc explain NAME` tells.
    udp_workers="four"

E0132 Not a socket
A socket is proto:address:port. Up to OpenSIPS 2.0 the protocol could be left out.
    socket=127.0.0.1:5060

E0133 Unknown protocol
No transport has this name.
    socket=foo:127.0.0.1:5060

E0134 Bad port
Ports are numbers from 1 to 65535, ranges first-last.
    socket=udp:127.0.0.1:abc

E0135 Bad address
This is no IPv4 or IPv6 address or network.
    socket=udp:300.0.0.1:5060

E0136 Unknown socket option
Behind a socket only its options may stand on the line.
    socket=udp:127.0.0.1:5060 fast

E0137 Contradicting flags of a blacklist
A blacklist cannot be read-only and expire.

E0138 Impossible scaling profile
It must scale up to more processes than down, at a higher load, and count at least as many cycles as it asks for.

E0140 Switch without a case
A switch needs at least one case.

E0141 Empty block as a condition
A block may stand as a condition, but not an empty one.
    if ({}) exit;

E0142 Empty condition
Nothing stands where something is to be tested.
    if () exit;

E0143 Missing statement
An if, else or loop has no body.
    if ($rm == "ACK") }

E0144 Missing value
An operator has nothing on one side.
    $var(x) = 1 + ;

E0145 Wrong kind of argument
Arguments are strings, numbers and variables: no expressions, no calls, no NULL. Statements of the language take what their syntax says.
    xlog($rm);

E0146 A variable alone
A variable is no statement.
    $var(x);

E0147 Block alone
Blocks stand behind if, else, while, for and switch only.
    route { { exit; } }

E0148 Route inside of a route
Routes and modules stand at file level. If this one does, a } is missing before it.
    route { route[a] { exit; } }

E0149 Broken 'for'
A for names a variable and a list with the index [*].
    for ($var(x) of $(avp(list)[*])) exit;

E0150 Removed core parameter
This parameter is gone since the release named. A script that is of that time otherwise is read with a note (W0150).
    children=4

E0151 Removed syntax
This form is gone since the release named. A script that is of that time otherwise is read with a note (W0151).
    if (method == "INVITE") exit;

E0152 Numbered flag
Flags are named by strings; any name will do.
    setflag(5);

E0160 Broken modparam
modparam takes the module, the parameter and the value.
    modparam("tm", "fr_timeout")

E1001 Unknown function
No loaded module declares a function of this name. Is its loadmodule missing, or below?
    frobnicate();

E1010 Unknown module
There is no such module, or sipc does not have it.
    loadmodule "nosuch.so"

E1011 Module loaded twice
Every module is loaded once.

E1012 Module needs another
The module uses another one, which is not loaded.

E1020 Broken module pattern
The first argument of modparam is a regular expression over the names of modules.
    modparam("tm(", "fr_timeout", 5)

E1021 No such module loaded
modparam names a module that is not loaded above it.
    modparam("tmm", "fr_timeout", 5)

E1022 Unknown module parameter
The module has no parameter of this name.
    modparam("tm", "fr_timeot", 5)

E1030 Unknown core parameter
There is no core parameter of this name.
    udp_worker=4

E1040 Route redefined
Each route, and each default route, is written once. route[0] and route[no] are the main route.
    route { exit; } route { exit; }

E1041 Unknown route
A route is called that is not defined.
    route(nowhere);

E1050 Unknown variable
No loaded module declares a variable of this name. In a string, a name goes on over letters, digits, _ and dots: write $(rU). before a full stop.
    xlog("mail to $rU.");

E1051 Name of a variable
Some variables need a name in brackets, others take none.
    $var = 1;

E1052 Unknown part of a variable
The name in the brackets is none that the variable knows.
    xlog("$ct.fields(bogus)");

E1053 Bad index
The variable takes no index, or not this one.
    xlog("$(ru[0])");

E1054 Unknown context
The contexts are <request> and <reply>, and tm provides them.
    xlog("$(<transaction>ru)");

E1060 Unknown transformation
There is no transformation of this class and name.
    xlog("$(ru{s.length})");

E2001 Function not for this route
The function cannot be called in this kind of route.
    onreply_route[a] { t_relay(); }

E2002 Too few arguments
An argument that must be there is missing at the end.
    sl_send_reply(200);

E2003 Too many arguments
The function takes fewer arguments.
    loose_route("x");

E2004 Argument left out
An argument that must be there is empty.
    sl_send_reply(, "OK");

E2005 Unknown parameter name
The function has no parameter of this name. `sipc explain FUNCTION` lists them.
    append_hf("X-A: b\r\n", place: "From");

E2006 Argument in the wrong place
Each parameter is given once, and arguments with names come last.
    is_myself(host: $rd, 5060);

E2010 Argument cannot vary
The function needs to know this argument when it is built: no variables, no formats.
    setflag($var(f));

E2011 Argument must be a variable
The function writes its result there.
    pv_printf("x", "y");

E2012 Argument must be a string
Write the number in quotes.
    remove_hf(5);

E2013 Argument must be a number
Write the number without quotes.
    strip("2");

E2014 Value not accepted
The function refuses this value.
    sl_send_reply(700, "high");

E2020 Wrong type of module parameter
The parameter takes a number or a string, not both.
    modparam("tm", "fr_timeout", "5")

E2021 Module parameter refused
The module does not accept this value.

E2022 Wrong type of core parameter
The parameter takes the other kind of value.

E2030 Iterator of 'for'
A loop assigns to $var, $avp or $json.
    for ($ru in $(avp(a)[*])) exit;

E2031 Unknown log level
Levels are L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO and L_DBG.
    xlog("LOUD", "text");

E2032 xlog without text
There is nothing to log.
    xlog("");

E2033 Function does not suspend
async() and launch() are for functions that wait for something outside.
    async(exit(), resume);

E2034 Too many route arguments
A route takes eight arguments at most.

E2040 Broken regular expression
The pattern is no POSIX extended regular expression.
    if ($ru =~ "[a-") exit;

E2041 Not an address
The right side of a comparison looks like an address or a network, but is none.
    if ($si == 300.1.1.1) exit;

E2050 Read-only variable
This variable cannot be assigned to.
    $rc = 5;

E2051 Assignment to a transformation
A transformation makes a new value; there is nothing to assign to.
    $(var(a){s.len}) = 1;

E2060 Wrong arguments of a transformation
The transformation takes another number of arguments.
    xlog("$(ru{s.substr,1})");

E2061 Wrong kind of argument of a transformation
The transformation takes a number there, or text.
    xlog("$(ru{s.substr,a,b})");

W0030 About this parameter
A remark about what the parameter does here.

W0031 Function of an earlier release
The function still works; the hint says what to write today.

W0050 Empty route
A route of empty statements cannot be called.
    route[a] { ; }

W0051 Unused route
Nothing calls the route.

W0052 Unreachable
The statement before ends the route.
    exit; xlog("never");

W0053 Loop without list
A for over something without the index [*] is skipped.
    for ($var(x) in $avp(list)) exit;

W0054 Comparison of text with a number
It is neither true nor false, but an error, and counts as false in every form.
    if ($cs == 1) exit;

W0055 Variable of a missing module
The variable may belong to a module that could not be loaded.

W0056 Text where a number is needed
The variable is always text, so the call always fails and yields false. A number in it is had with {s.int}.
    sl_send_reply($cs, "OK");

W0105 Character without meaning
OpenSIPS ignores characters that it does not know. Usually they came in by mistake.

W0107 Comment without end
Everything from here on is ignored. Comments nest: a /* inside of a comment needs its own */.

W0108 Index or transformation of a bare variable
OpenSIPS reads the variable and drops what stands behind it.
    $var(n) = $ru{s.len};

W0109 Text behind a variable
OpenSIPS reads the variable and drops what stands behind it without a blank.

W0110 String broken by a backslash
OpenSIPS leaves a line marker in the text of a string that is continued with a backslash.

W0111 NUL in a string
A string ends at its first NUL byte.
    $var(x) = "a\x00b";

W0112 Number too large
Numbers have 32 bits; larger ones wrap.
    $var(x) = 4294967297;

W0113 'on' with a blank behind it
OpenSIPS takes it for another word there, and refuses the script.

W0114 Printed as it stands
In a format, text behind a bare variable is text. Index and transformations stand inside of $( ).
    xlog("$avp(x)[1]");

W0119 Flag without quotes, read as of old
See E0119. The script is of an older release otherwise, so it is read as it was then.

W0125 'break' outside, read as of old
See E0125. The script is of an older release otherwise: here break ends the route.

W0132 Socket without protocol, read as of old
See E0132. The script is of an older release otherwise: the socket is for UDP.

W0150 Removed core parameter, read as of old
See E0150. The script is of an older release otherwise, so the parameter is taken as what replaced it.

W0151 Removed syntax, read as of old
See E0151. The script is of an older release otherwise, so it is taken as what replaced it.

W0152 Numbered flag, read as of old
See E0152. The script is of an older release otherwise: the number is taken for a name.

W0153 Number in quotes, read as of old
Functions take integers without quotes since OpenSIPS 3.0. The script is of an older release otherwise: the text is
taken for its number.
    sl_send_reply("404", "Not Found");

W0160 Division by zero
The result is 0 with an error line, and `/=` and `%=` leave the variable as it is. OpenSIPS dies of these two.
    $var(x) /= 0;

W0161 Number kept as text
OpenSIPS calculates with the number of such a variable but stores its text. sipc stores the sum.
    $var(x) += $rp;

W0162 Condition that kills OpenSIPS
`[~$x]` and `[$x & "text"]` as conditions end the whole server there. sipc works them out.
    if ([~$var(x)]) exit;

W0163 Checksum with garbage
OpenSIPS always prints ten characters, whatever stands behind a shorter number.
    $var(x) = $(rU{s.crc32});

W0164 Negative number beside a return code
OpenSIPS prints it as an unsigned number of 64 bits. sipc gives it back as written.
    return(1, -5);

W0165 Escape that matches nothing
Regular expressions are POSIX's here: a small letter behind a backslash matches nothing, save w, s and b.
    if ($rU =~ "^\d+$") exit;

"""


def _read() -> dict[str, Code]:
    made: dict[str, Code] = {}
    for block in _CODES.strip().split("\n\n"):
        head, *rest = block.split("\n")
        code, _, title = head.partition(" ")
        text = " ".join(line for line in rest if not line.startswith("    "))
        example = "\n".join(line[4:] for line in rest if line.startswith("    "))
        made[code] = Code(code, title, text, example)
    return made


CODES: dict[str, Code] = _read()


def explain(code: str) -> str:
    """The page of a code as text; KeyError when there is none."""
    entry = CODES[code.upper()]
    lines = [f"{entry.code}: {entry.title}", "", entry.text]
    if entry.example:
        lines += ["", "For example:", "", *(f"    {line}" for line in entry.example.split("\n"))]
    return "\n".join(lines) + "\n"
