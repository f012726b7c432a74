"""The subset of Go's templates. What is expected was printed by podman 4.3, or stands in text/template's own papers."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiltctl.ui.fields import Fields
from quiltctl.ui.template import compile_template, heading_of, render

FIELDS = [
    ("{{.Name}}", "one"),
    ("{{ .State.Status }}", "created"),
    ("{{.State.Running}} {{.State.Pid}} {{.State.Load}}", "false 0 1.5"),
    ("{{.ID}} {{.Id}}", "29cf50ac0321d7 29cf50ac0321d7"),
    ("{{.Args}} {{.Empty}} {{.Config.Labels}}", "[a b c d] [] map[a:b c:x y]"),
    ("{{.Nothing}}|{{.Config.Labels.zz}}", "<no value>|<no value>"),
    ('{{index .Config.Labels "zz"}}|{{index .Config.Ports "x"}}', "|<no value>"),
    ('{{index .Config.Labels "c"}} {{index .Args 1}} {{index .Mounts 1 "Type"}}', "x y b c volume"),
    ("{{(index .Mounts 0).Type}}", "bind"),
    ("{{(.State).Status}} {{((index .Mounts 1)).Source}}", "created /b"),
    ("{{$.Name}} {{with .State}}{{$.Name}} {{.Status}}{{end}}", "one one created"),
    ('{{.Greet "you"}}', "hello you"),
    ("{{json .State}}", '{"Status":"created","Running":false,"Pid":0,"ExitCode":137,"Load":1.5}'),
    ("{{json .Args}} {{json .Nothing}} {{json .Name}}", '["a","b c","d"] null "one"'),
    ("{{.Mounts}}", "[map[Source:/a Type:bind] map[Source:/b Type:volume]]"),
]
FUNCTIONS = [
    ("{{len .Args}} {{len .Name}} {{len .State}} {{len `é`}}", "3 3 5 2"),
    ("{{.Name | upper}} {{lower `ABC`}} {{title `one two`}}", "ONE abc One Two"),
    ('{{join .Args ","}} {{split .ImageName "/"}}', "a,b c,d [localhost tiny:latest]"),
    ('{{index (split .ImageName ":") 1}} {{split "ab" ""}}', "latest [a b]"),
    ("{{truncate .Id 5}} {{pad .Name 1 2}}|", "29cf5  one  |"),
    ("{{slice .Id 0 12}} {{slice .Id 12}} {{slice .Args 1 2}}", "29cf50ac0321 d7 [b c]"),
    ('{{printf "%q %5d %-5s| %v %t %x" .Name 3 "ab" .Args true "hi"}}', '"one"     3 ab   | [a b c d] true 6869'),
    ('{{printf "%s\\n" .Name}}', "one\n"),
    ('{{printf "%.3s %5.1f %05d %% %X %b %o" .Id 2.25 42 255 5 8}}', "29c   2.2 00042 % FF 101 10"),
    ('{{println "a" 1}}{{print "a" 1 2 "b"}} {{print 1 2}}', "a 1\na1 2b 1 2"),
    ('{{.Name | printf "%s-%s" "x" | upper}}', "X-ONE"),
    ("{{(len .Name | printf `%d`)}}", "3"),
    ('{{eq .Name "a" "one"}} {{ne 1 2}} {{eq 1 1.0}} {{eq .Nothing nil}}', "true true true true"),
    ('{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge "b" "a"}}', "true true false true"),
    ('{{not true}} {{not ""}} {{or "" "x"}} {{and 1 0}} {{and 1 2 3}} {{or 0 ""}}', "false true x 0 3 "),
    ("{{or true .Missing}} {{and false (index .Args 9)}}", "true false"),
]
BLOCKS = [
    ('{{if eq .State.Status "created" "running"}}up{{end}}', "up"),
    ("{{if .Empty}}a{{else}}b{{end}}", "b"),
    ('{{if and .State.Running (eq 1 1)}}a{{else if eq .Name "one"}}b{{else}}c{{end}}', "b"),
    ("{{if false}}a{{else if false}}b{{else}}c{{end}}", "c"),
    ("{{if not .State.Running}}{{if .Name}}x{{end}}y{{end}}z", "xyz"),
    ("{{with .Config}}{{.Hostname}}{{end}}{{with .Nothing}}a{{else}}b{{end}}", "hb"),
    ("{{with $s := .State}}{{$s.Status}} {{.Pid}}{{end}}", "created 0"),
    ("{{range .Args}}<{{.}}>{{end}}", "<a><b c><d>"),
    ("{{range $i, $v := .Args}}{{$i}}={{$v}};{{end}}", "0=a;1=b c;2=d;"),
    ("{{range $v := .Args}}{{$v}}{{end}}", "ab cd"),
    ("{{range $k,$v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "a=b c=x y "),
    ("{{range .Empty}}a{{else}}none{{end}}{{range .Nothing}}a{{end}}", "none"),
    ("{{range .Mounts}}{{.Type}} {{$.Name}} {{end}}{{.Name}}", "bind one volume one one"),
    ("{{range .Args}}{{.}},{{break}}{{end}}x", "a,x"),
    ('{{range .Args}}{{if eq . "a"}}{{continue}}{{end}}{{.}};{{end}}', "b c;d;"),
    ("{{range .Args}}{{range $.Empty}}{{else}}{{break}}{{end}}{{.}}{{end}}.", "."),
    ("{{range .Args}}{{range $.Args}}{{.}}{{break}}{{end}}{{end}}", "aaa"),
    ("{{$x := 1}}{{$x}}{{$x = 2}}{{$x}}", "12"),
    ("{{$x := 1}}{{if true}}{{$x = 2}}{{$x := 3}}{{end}}{{$x}}", "2"),
    ("{{$x := 1}}{{if true}}{{$x := 3}}{{$x}}{{end}}{{$x}}", "31"),
    ("{{$n := .Name}}{{range .Args}}{{$n}}{{end}}", "oneoneone"),
]
TEXT = [
    ("", ""),
    ("plain", "plain"),
    ("a\\tb\\n", "a\tb\n"),
    ("{{.Name}}\\t{{.Id}}", "one\t29cf50ac0321d7"),
    ("a {{- .Name -}} b", "aoneb"),
    ("a\\n{{- /* gone */ -}}\\n b", "ab"),
    ("{{/* gone */}}b", "b"),
    ('{{- " x" -}}   z', " xz"),
    ("{{ -3 }} {{0x10}} {{1e3}} {{1_000}} {{'a'}} {{true}}", "-3 16 1000 1000 97 true"),
    (r'{{"a\"b\\n\t\x41\u00e9"}}{{`raw\n`}}', 'a"b\\n\tAéraw\\n'),
    ('{{"}}"}}', "}}"),
    ("} }{ {", "} }{ {"),
]


@pytest.mark.parametrize(("template", "text"), [*FIELDS, *FUNCTIONS, *BLOCKS, *TEXT])
def test_render_writes_what_go_writes(document: dict[str, Any], template: str, text: str) -> None:
    """Fields, functions, blocks and text come out as from podman."""
    assert render(template, document) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.A}} {{.ID}}", "a of x id"),
        ("{{json .}} {{.}}", '{"A":"a of x","Id":"id"} map[A:a of x Id:id]'),
        ('{{.Say "b"}}', "b"),
    ],
)
def test_render_makes_the_fields_of_a_row(template: str, text: str) -> None:
    """A row makes what is asked for, and all of it where the whole row is."""
    row = Fields({"A": lambda x: f"a of {x}", "Say": lambda _: lambda word: word, "Id": lambda _: "id"}, "x")

    assert render(template, row) == text


def test_render_cleans_values_and_not_the_templates_text() -> None:
    """What comes from outside goes through the cleaner, also out of functions; what the user wrote does not."""
    template = compile_template("\x1b{{.A}}{{json .A}}{{range .B}}{{.}}{{end}}")

    assert (
        template.render({"A": "\x1b", "B": ["\x1b"]}, clean=lambda text: text.replace("\x1b", "E")) == '\x1bE"\\u001b"E'
    )


def test_template_can_be_rendered_again() -> None:
    """Nothing of one value is left when the next is rendered."""
    template = compile_template("{{$x := .}}{{range .}}{{$x := .}}{{.}}{{end}}{{len $x}};")

    assert [template.render(value) for value in (["a", "b"], [], ["c"])] == ["ab2;", "0;", "c1;"]


@pytest.mark.parametrize(
    ("source", "headings"),
    [
        ("{{.ID}}\\t{{.Names}}", "CONTAINER ID\tNAMES"),
        ("{{.ID}}:{{.CreatedAt}} x", "CONTAINER ID:CREATED AT\tx"),
        ("{{.ID | upper}}  {{json .Labels}}", "CONTAINER ID\tLABELS"),
        ('{{.Label "k"}} {{.State.ExitCode}}', "LABEL\tEXIT CODE"),
        ("{{if .ID}}{{.Names}}{{end}} {{range .Mounts}}{{.}}{{end}} {{len (.Names)}}", "CONTAINER ID\tMOUNTS\tNAMES"),
        ("{{/* nothing */}}{{1}}", ""),
    ],
)
def test_headings_stand_where_the_values_will(source: str, headings: str) -> None:
    """Each action is headed by the first field it names; blanks and tabs part the columns."""
    assert compile_template(source, columns=True).headings({"ID": "CONTAINER ID"}) == headings


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("Names", "NAMES"),
        ("CreatedAt", "CREATED AT"),
        ("ImageID", "IMAGE ID"),
        ("ID", "ID"),
        ("OOMKilled", "OOM KILLED"),
    ],
)
def test_heading_of_parts_the_words_of_a_name(name: str, heading: str) -> None:
    """A heading is the field's name in capitals, its words apart."""
    assert heading_of(name, {}) == heading


@pytest.mark.parametrize(
    ("source", "takes_all"),
    [
        ("{{range .}}{{.}}{{end}}", True),
        ("{{range $x := .}}{{end}}", True),
        ("{{range .A}}{{end}}", False),
        ("x", False),
    ],
)
def test_takes_all_is_a_range_over_the_dot(source: str, takes_all: bool) -> None:  # noqa: FBT001 (from a table)
    """A template that begins with a range over everything is meant for all rows at once."""
    assert compile_template(source).takes_all is takes_all


@given(st.text(st.sampled_from(string.ascii_letters + " \t\n%$|.}-'\"`é\\"), max_size=30))
def test_text_without_actions_stays(text: str) -> None:
    """What is outside of actions is copied, but for the two escapes."""
    assert render(text, {}) == text.replace("\\n", "\n").replace("\\t", "\t")
