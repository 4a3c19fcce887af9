# SPDX-License-Identifier: Apache-2.0
"""lior serve, as OpenAI's client, a browser's page and strangers use it."""

import concurrent.futures
import contextlib
import http.client
import json
import random
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import openai
import pytest
from program import PROGRAM, environment, small_settings

TEXT = "the café sat on the mat\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on a text of few words, one of them with a letter of two bytes."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "text.txt").write_text(TEXT * 400)
    (folder / "small.toml").write_text(small_settings())
    data = ("--data", folder / "text.txt", "--config", folder / "small.toml")
    command = [PROGRAM, "train", *data, "--out", folder / "run", "--steps", 120, "--lr", 0.02]
    quiet = ("--threads", 1, "--progress", "none")
    subprocess.run([*map(str, command), *map(str, quiet)], check=True, timeout=120)
    return folder / "run"


@contextlib.contextmanager
def serving(run, *arguments, **variables):
    """(process, port), with the first line of its stderr read."""
    command = [PROGRAM, "serve", "--model", run, "--port", 0, "--threads", 1, *arguments]
    process = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    )
    try:
        line = process.stderr.readline()
        found = re.search(r"http://[^ ]+:(\d+)/", line)
        assert found, line + process.stderr.read()
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def port(run):
    with serving(run) as (process, number):
        yield number
        assert process.poll() is None, "the server ended by itself"


@pytest.fixture(scope="module")
def client(port):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)


def get(port, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read().decode()


def post(port, body, path="/v1/completions", **headers):
    """The status and the JSON of the answer."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def metric(port, name):
    return float(re.search(rf"^lior_{name} (\S+)$", get(port, "/metrics"), re.M)[1])


def complete(client, prompt="the ", **more):
    return client.completions.create(model="run", prompt=prompt, **{"temperature": 0, **more})


# --- the API -----------------------------------------------------------------------------------


def test_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["run"]
    assert client.models.retrieve("run").id == "run"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_a_completion_is_what_generate_writes(client, lior, run):
    arguments = ("--prompt", "the ", "--max-tokens", 60, "--top-p", 0.9, "--min-p", 0.01)
    written = lior("generate", "--model", run, "--seed", 7, "--temperature", 1.2, *arguments).stdout
    answer = complete(
        client, max_tokens=60, seed=7, temperature=1.2, top_p=0.9, extra_body={"min_p": 0.01}
    )
    assert answer.choices[0].text == written
    assert answer.choices[0].finish_reason == "length"
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (4, 60, 64)


def test_a_stream_says_the_same_and_no_half_letters(client):
    whole = complete(client, max_tokens=80).choices[0].text
    assert "é" in whole
    pieces = list(
        complete(client, max_tokens=80, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(c.text for piece in pieces for c in piece.choices) == whole
    assert [c.finish_reason for piece in pieces for c in piece.choices if c.finish_reason] == [
        "length"
    ]
    assert pieces[-1].choices == [] and pieces[-1].usage.completion_tokens == 80


def test_a_letter_that_the_last_token_cuts_is_marked(client):
    whole = complete(client, prompt="the caf", max_tokens=1).choices[0].text
    assert whole == "\ufffd"


def test_stops_are_texts_or_lists(client):
    whole = complete(client, max_tokens=60).choices[0].text
    for stop in ("t", ["never", whole[20:25]], whole[-1]):
        answer = complete(client, max_tokens=60, stop=stop).choices[0]
        first = min(
            whole.find(s) for s in ([stop] if isinstance(stop, str) else stop) if s in whole
        )
        assert (answer.text, answer.finish_reason) == (whole[:first], "stop")


def test_several_prompts_texts_and_echo(client):
    answer = complete(
        client, prompt=["the ", "on "], n=2, max_tokens=8, temperature=1, seed=3, echo=True
    )
    assert [c.index for c in answer.choices] == [0, 1, 2, 3]
    assert [c.text[:3] for c in answer.choices] == ["the", "the", "on ", "on "]
    alone = complete(client, n=1, max_tokens=8, temperature=1, seed=4)
    assert answer.choices[1].text == "the " + alone.choices[0].text
    tokens = complete(client, prompt=[116, 104, 101, 32], max_tokens=8)
    assert tokens.choices[0].text == complete(client, max_tokens=8).choices[0].text
    assert complete(client, prompt="", max_tokens=4).usage.prompt_tokens == 1


def test_a_chat_goes_on_without_reading_all_again(client, port):
    def say(messages, **more):
        return client.chat.completions.create(
            model="run", messages=messages, temperature=0, max_tokens=20, **more
        )

    messages = [{"role": "system", "content": "the mat " * 50}, {"role": "user", "content": "sat"}]
    first = say(messages)
    said = first.choices[0].message
    assert said.role == "assistant" and first.object == "chat.completion"
    prompt = "the mat " * 50 + "\n\nUser: sat\n\nAssistant:"
    assert first.usage.prompt_tokens == len(prompt)
    direct = complete(client, prompt=prompt, max_tokens=20, stop=["\nUser:"]).choices[0].text
    assert said.content == direct.lstrip(" \n")

    before = metric(port, "prompt_tokens_total")
    again = [
        *messages,
        {"role": "assistant", "content": said.content},
        {"role": "user", "content": "on"},
    ]
    second = say(again)
    assert second.usage.prompt_tokens_details.cached_tokens >= len(prompt)
    read = metric(port, "prompt_tokens_total") - before
    assert read == second.usage.prompt_tokens - second.usage.prompt_tokens_details.cached_tokens
    streamed = list(say(again, stream=True))
    assert streamed[0].choices[0].delta.role == "assistant"
    text = "".join(c.delta.content or "" for piece in streamed for c in piece.choices)
    assert text == second.choices[0].message.content


def test_what_was_known_gives_the_text_of_what_is_read(run, lior):
    # A long prompt, read in windows, cut by what the first request left in the cache.
    prompt = TEXT * 40
    with serving(run) as (_, port):
        for part in (prompt[:701], prompt):
            _, answer = post(
                port, {"prompt": part, "max_tokens": 50, "seed": 1, "repetition_penalty": 1.1}
            )
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] > 700
    arguments = ("--max-tokens", 50, "--seed", 1, "--temperature", 1, "--repetition-penalty", 1.1)
    written = lior("generate", "--model", run, "--prompt", prompt, *arguments).stdout
    assert answer["choices"][0]["text"] == written


def test_requests_are_written_at_a_time(client):
    alone = complete(client, max_tokens=300, seed=1, temperature=1).choices[0].text
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        several = list(
            pool.map(
                lambda seed: (
                    complete(client, max_tokens=300, seed=seed, temperature=1).choices[0].text
                ),
                [1, 2] * 6,
            )
        )
    assert set(several[::2]) == {alone} and len(set(several)) == 2


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, param, words",
    [
        (b"{", None, "JSON"),
        (b"[1]", None, "object"),
        (b'{"prompt": "\xff"}', None, "UTF-8"),
        (b'{"prompt": "\\ud800"}', None, "JSON"),
        (b"[" * 100000, None, "nests"),
        (b'{"prompt":' + b"[" * 5000 + b"]" * 5000 + b"}", None, "nests"),
        ({}, "prompt", "prompt"),
        ({"prompt": {"a": 1}}, "prompt", "prompt"),
        ({"prompt": []}, "prompt", "list"),
        ({"prompt": [256]}, "prompt", "0 to 255"),
        ({"prompt": [-1]}, "prompt", "0 to 255"),
        ({"prompt": [1.5]}, "prompt", "0 to 255"),
        ({"prompt": "a", "temperature": -1}, "temperature", "from 0 to 2"),
        ({"prompt": "a", "temperature": "hot"}, "temperature", "number"),
        ({"prompt": "a", "max_tokens": 1 << 40}, "max_tokens", "from 0 to"),
        ({"prompt": "a", "max_tokens": (1 << 64) - 1}, "max_tokens", "from 0 to"),
        ({"prompt": "a", "n": 0}, "n", "from 1"),
        ({"prompt": ["a"] * 8, "n": 8}, "n", "at most"),
        ({"prompt": "a", "stop": [1]}, "stop", "text"),
        ({"prompt": "a", "stream": 1}, "stream", "true or false"),
        ({"prompt": "a", "logit_bias": {"1": 1}}, "logit_bias", "cannot"),
        ({"prompt": "a", "presence_penalty": 0.5}, "presence_penalty", "cannot"),
        ({"prompt": "a" * 100000}, "prompt", "at most 65536"),
    ],
)
def test_bad_requests_are_named(port, body, param, words):
    status, answer = post(port, body)
    error = answer["error"]
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert words in error["message"]


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        [{"content": "a"}],
        [{"role": "robot"}],
        ["a"],
        [{"role": "user", "content": [1]}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": 7}],
    ],
)
def test_bad_chats_are_named(port, messages):
    status, answer = post(port, {"messages": messages}, "/v1/chat/completions")
    assert status == 400 and answer["error"]["param"] == "messages"


def test_what_asks_for_nothing_is_no_error_and_unknown_fields_are_left_alone(port):
    neutral = {"presence_penalty": 0, "logit_bias": None, "best_of": 1, "user": "me", "num_ctx": 7}
    assert post(port, {"prompt": "a", "max_tokens": 1, **neutral})[0] == 200


def test_other_models_paths_and_methods_are_named(client, port):
    with pytest.raises(openai.NotFoundError) as error:
        client.completions.create(model="gpt", prompt="a")
    assert error.value.code == "model_not_found"
    for method, path, status in (
        ("GET", "/v1/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/../../etc/passwd", 404),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path)
        response = connection.getresponse()
        assert (response.status, "error" in json.loads(response.read())) == (status, True)


def test_a_key_is_needed_where_one_is_set(run):
    with serving(run, LIOR_API_KEY="secret") as (_, port):
        assert json.loads(get(port, "/health")) == {"status": "ok"}
        assert "<textarea" in get(port, "/")
        for path in ("/v1/models", "/metrics"):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                get(port, path)
            assert get(port, path, Authorization="Bearer secret")
        for key in ("secre", "secrets", "Secret", ""):
            wrong = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key or "x")
            with pytest.raises(openai.AuthenticationError):
                complete(wrong)
        right = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="secret")
        assert complete(right, max_tokens=3).usage.completion_tokens == 3


def test_without_a_key_only_this_machine_is_served(refused, run, port):
    assert "needs a key" in refused("serve", "--model", run, "--host", "0.0.0.0", "--port", 0)
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        status, answer = post(port, {"prompt": "a"}, **headers)
        assert status == 403 and answer["error"]["type"] == "permission_error"
    assert post(port, {"prompt": "a"}, Origin=f"http://localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--port", 70000), "--port"),
        (("--parallel", 0), "--parallel"),
        (("--api-key", ""), "--api-key"),
        (("--host", "no.such.host.invalid"), "--host"),
    ],
)
def test_bad_arguments_are_named(refused, run, arguments, words):
    assert words in refused("serve", "--model", run, *arguments)


def test_a_port_in_use_is_named(refused, run, port):
    assert "cannot listen" in refused("serve", "--model", run, "--port", port)


# --- strangers ---------------------------------------------------------------------------------


def talk(port, sent, close_half=False):
    """What comes back for these bytes, until the server closes or nothing comes for a moment."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as stranger:
        got = b""
        with contextlib.suppress(OSError):
            stranger.sendall(sent)
            if close_half:
                stranger.shutdown(socket.SHUT_WR)
            while chunk := stranger.recv(65536):
                got += chunk
        return got


def test_bodies_and_headers_are_bounded(port):
    head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
    assert talk(port, head + b"Content-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")
    chunk = b"100000\r\n" + b"a" * (1 << 20) + b"\r\n"
    chunked = talk(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 6)
    assert chunked.startswith(b"HTTP/1.1 413") or chunked == b""
    assert talk(port, head + b"A: " + b"b" * 100000).startswith(b"HTTP/1.1 431")
    assert talk(port, head + b"A: b\r\n" * 10000 + b"\r\n").startswith(b"HTTP/1.1 431")
    assert get(port, "/health")


def test_what_is_no_http_is_refused(port):
    for noise in (
        b"\0" * 100 + b"\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
    ):
        assert talk(port, noise).startswith(b"HTTP/1.1 400"), noise
    both = b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    assert talk(port, both).startswith(b"HTTP/1.1 400")


def test_changed_requests_end_in_an_answer_or_nothing(port):
    body = json.dumps(
        {"prompt": "the caf", "max_tokens": 2, "stop": ["x"], "stream": True}
    ).encode()
    right = (
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    assert b"[DONE]" in talk(port, right)
    draw = random.Random(1)
    for _ in range(150):
        changed = bytearray(right)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(changed))
            kind = draw.randrange(3)
            if kind == 0:
                changed[place] = draw.randrange(256)
            elif kind == 1:
                del changed[place : place + draw.randint(1, 20)]
            else:
                changed[place:place] = draw.randbytes(draw.randint(1, 20))
        got = talk(port, bytes(changed), close_half=True)
        assert got == b"" or re.match(rb"HTTP/1\.[01] (200|400|403|404|405|413|431) ", got), got
    assert get(port, "/health")


def test_who_leaves_is_written_for_no_longer(run):
    with serving(run, "--max-tokens", 1 << 20, "--parallel", 1) as (process, port):
        written = 0
        for stream in (False, True):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            asked = {"prompt": "the ", "max_tokens": 1 << 20, "stream": stream}
            connection.request("POST", "/v1/completions", json.dumps(asked))
            while metric(port, "requests_running") == 0:
                time.sleep(0.02)
            connection.close()
            # Nothing but leaving ends it: its million tokens take minutes.
            while metric(port, "requests_running") > 0:
                time.sleep(0.02)
            said = process.stderr.readline()
            line = r"/v1/completions 499: read 4 tokens \([04] known\), wrote (\d+), "
            written += int(re.match(line, said)[1])
        assert metric(port, "written_tokens_total") == written < 1 << 20


def test_too_many_are_told_to_wait(run):
    with serving(run, "--max-tokens", 1 << 20, "--parallel", 1) as (_, port):
        asked = json.dumps({"prompt": "the ", "max_tokens": 1 << 20})
        waiting = []
        for _ in range(65):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/v1/completions", asked)
            waiting.append(connection)
        while metric(port, "requests_waiting") < 64:
            time.sleep(0.02)
        status, answer = post(port, {"prompt": "a"})
        assert status == 503 and answer["error"]["type"] == "server_error"


# --- the end -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_requests_and_the_server(run, number):
    with serving(run, "--max-tokens", 1 << 20) as (process, port):
        client = openai.OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0
        )
        stream = complete(client, max_tokens=1 << 20, stream=True)
        next(iter(stream))
        process.send_signal(number)
        with pytest.raises(openai.APIError, match="stopped"):
            list(stream)
        assert process.wait(timeout=60) == 128 + number
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_long_answer_is_ended_in_time(run):
    with serving(run, "--max-tokens", 1 << 20, "--timeout", 1) as (process, port):
        status, answer = post(port, {"prompt": "the ", "max_tokens": 1 << 20})
        assert status == 503 and "too long" in answer["error"]["message"]
        assert "503: read 4 tokens (0 known), wrote " in process.stderr.readline()
        assert metric(port, "written_tokens_total") > 0


def test_metrics_are_prometheus_text(port, client):
    complete(client, max_tokens=2)
    text = get(port, "/metrics")
    assert text.endswith("\n")
    for line in text.splitlines():
        assert re.fullmatch(
            r"# (HELP|TYPE) lior_\w+ .+|lior_\w+(\{\w+=\"[^\"]*\"(,\w+=\"[^\"]*\")*\})? [-+.\de]+",
            line,
        )
    assert 'lior_requests_total{path="/v1/completions",status="200"}' in text
    assert "/nowhere" not in text
