# SPDX-License-Identifier: Apache-2.0
"""Byte pairs beside Hugging Face's `tokenizers`, and beside a learner of twenty lines."""

import collections
import json
import pickle
import random
import sys
import unicodedata

import pytest
import tokenizers
from lior import Error
from lior.train import Data, Decoder, Tokenizer

TEXT = (
    "It's the first of the days; they'll say what we've heard, and I'd go. 1234 and 12,5\n\n"
    "    Ünïcode größer naïve façade 你好世界 こんにちは здравствуй мир 🙂🙃 ½ Ⅷ\t\ttabs\r\n"
)


def texts(count, seed=1):
    """Of words, spaces of all kinds, quotes, letters of many scripts, emoji."""
    draw = random.Random(seed)
    # Letters that the oldest of the Unicode tables in question knows (Python 3.11: version 14).
    assigned = [
        chr(c)
        for c in range(sys.maxunicode)
        if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")
    ]
    pieces = [
        "'s",
        "'t",
        "'re",
        "'ve",
        "'m",
        "'ll",
        "'d",
        "'S",
        "'",
        "''",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\x0b",
        "\x0c",
    ]
    pieces += [
        "\x1c",
        "\x85",
        "\xa0",
        "\u2003",
        "\u2028",
        "\u2029",
        "\u200b",
        "\u3000",
        "\u180e",
        "\ufeff",
        "1",
        "٣",
        "½",
    ]
    pieces += [
        "a",
        "the",
        "Straße",
        "你好",
        "🙂",
        "👩‍👩‍👧",
        "e\u0301",
        "!",
        "...",
        "_",
        "$",
        "\0",
        "\x7f",
        "<|end|>",
    ]

    def piece():
        return draw.choice(pieces) if draw.random() < 0.8 else draw.choice(assigned)

    return ["".join(piece() for _ in range(draw.randrange(40))) for _ in range(count)]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learnt")
    (folder / "text").write_bytes((TEXT * 40 + "".join(texts(400))).encode())
    return Data(folder / "text", tokenizer="bpe:700").tokenizer


def theirs(tokenizer, folder):
    tokenizer.write(folder)
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_texts_have_the_tokens_of_the_package(learnt, tmp_path):
    other = theirs(learnt, tmp_path)
    assert other.get_vocab_size() == learnt.vocabulary == 700
    for text in [*texts(2000, seed=2), TEXT, "", "a" * 3000, " " * 500, "🙂" * 300]:
        tokens = learnt.encode(text)
        assert tokens == other.encode(text, add_special_tokens=False).ids, repr(text)
        assert learnt.decode(tokens) == text.encode()


def made_by_the_package(**options):
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, **options)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=600,
        show_progress=False,
        special_tokens=["<|end|>", "<|end|>!"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator([TEXT * 20, *texts(200)], trainer)
    made.add_tokens(["größer", "12,", "<|"])
    return made


@pytest.mark.parametrize("words", [True, False])
def test_files_of_the_package_are_read_and_written(tmp_path, words):
    other = made_by_the_package(use_regex=words)
    other.save(str(tmp_path / "theirs.json"))
    ours = Tokenizer.read(tmp_path / "theirs.json")
    assert ours.vocabulary == other.get_vocab_size()
    again = theirs(ours, tmp_path)
    for text in [*texts(1000, seed=3), TEXT, "x<|end|>! y<|en größer 12, <||end|>", "  <|end|>  a"]:
        ids = other.encode(text, add_special_tokens=False).ids
        assert ours.encode(text) == ids == again.encode(text, add_special_tokens=False).ids, repr(
            text
        )
        assert ours.decode(ids) == text.encode()


# How families of models cut words: facts of their published tokenizer.json files.
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
GPT_4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
POSSESSIVE = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{Nd}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
)


def split(pattern, behavior="isolated", invert=False):
    return tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), behavior, invert)


BYTES = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
GPT_2 = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
DIGITS = tokenizers.pre_tokenizers.Digits
WORDS = {
    "llama 3": [split(LLAMA_3), BYTES],
    "qwen": [split(QWEN), BYTES],
    "gpt-4": [split(LLAMA_3, "removed", invert=True), BYTES],
    "gpt-4o": [split(GPT_4O), BYTES],
    "deepseek": [
        split(r"\p{N}{1,3}"),
        split("[一-龥\u3040-ゟ゠-ヿ]+"),
        split(DEEPSEEK),
        BYTES,
    ],
    "starcoder": [DIGITS(individual_digits=True), GPT_2],
    "digits": [DIGITS(individual_digits=False), GPT_2],
    "a text": [tokenizers.pre_tokenizers.Split("a.", "isolated"), GPT_2],
    "scripts": [split(r"\p{Han}+|\p{^Latin}"), split(r"(?>\D+?\d)|\P{Hiragana}{2,}"), BYTES],
    "points": [split(r"[\u3040-\u30ff]+|\x{1f642}|[^\S\n]+|.(?=\n)"), GPT_2],
}


@pytest.mark.parametrize("words", WORDS)
def test_words_are_cut_as_the_package_cuts_them(words, tmp_path):
    other = made_by_the_package()
    other.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(WORDS[words])
    other.save(str(tmp_path / "theirs.json"))
    ours = Tokenizer.read(tmp_path / "theirs.json")
    again = theirs(ours, tmp_path)
    for text in [
        *texts(1500, seed=5),
        TEXT,
        "",
        "a" * 3000,
        " " * 500,
        "1" * 500,
        "It'S\n \n a.b.",
    ]:
        ids = other.encode(text, add_special_tokens=False).ids
        assert ours.encode(text) == ids, repr(text)
        assert again.encode(text, add_special_tokens=False).ids == ids, repr(text)
        assert ours.decode(ids) == text.encode()


def test_a_word_that_is_a_token_is_not_merged_where_the_file_says_so(tmp_path):
    other = made_by_the_package()
    other.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(WORDS["llama 3"])
    other.save(str(tmp_path / "theirs.json"))
    file = json.loads((tmp_path / "theirs.json").read_text())
    vocabulary = file["model"]["vocab"]
    # Without its last merge a token is reached by this rule alone.
    lost = file["model"]["merges"].pop()
    word = "".join(lost if isinstance(lost, list) else lost.split(" "))
    for rule in (False, True):
        file["model"]["ignore_merges"] = rule
        (tmp_path / "rule.json").write_text(json.dumps(file))
        ours = Tokenizer.read(tmp_path / "rule.json")
        again = theirs(ours, tmp_path)
        other = tokenizers.Tokenizer.from_file(str(tmp_path / "rule.json"))
        text = ours.decode([vocabulary[word]]).decode()
        assert (ours.encode(text) == [vocabulary[word]]) == rule
        for other_text in [*texts(300, seed=7), text, TEXT]:
            ids = other.encode(other_text, add_special_tokens=False).ids
            written = again.encode(other_text, add_special_tokens=False).ids
            assert ours.encode(other_text) == ids == written


def test_composed_texts_have_the_tokens_of_the_package(tmp_path):
    other = made_by_the_package()
    other.normalizer = tokenizers.normalizers.NFC()
    other.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|end|> $A", special_tokens=[("<|end|>", other.token_to_id("<|end|>"))]
    )
    other.save(str(tmp_path / "theirs.json"))
    ours = Tokenizer.read(tmp_path / "theirs.json")
    ours.write(tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text())["normalizer"] == {"type": "NFC"}
    for text in map(lambda text: unicodedata.normalize("NFC", text), texts(300, seed=8)):
        assert ours.encode(text) == other.encode(text, add_special_tokens=False).ids
    assert ours.decode(ours.encode("e\u0301")) == "e\u0301".encode()


def test_merges_may_be_pairs_or_texts(learnt, tmp_path):
    learnt.write(tmp_path)
    file = json.loads((tmp_path / "tokenizer.json").read_text())
    file["model"]["merges"] = [merge.split(" ") for merge in file["model"]["merges"]]
    (tmp_path / "pairs.json").write_text(json.dumps(file))
    pairs = Tokenizer.read(tmp_path / "pairs.json")
    assert all(pairs.encode(text) == learnt.encode(text) for text in texts(100))


def test_any_bytes_come_back(learnt):
    draw = random.Random(4)
    for text in texts(500, seed=4):
        data = draw.randbytes(draw.randrange(60)) + text.encode()[: draw.randrange(9)]
        assert learnt.decode(learnt.encode(data)) == data


def learnt_plainly(words, vocabulary):
    """(merges, tokens): all pairs counted again for each merge."""
    words = collections.Counter(words)
    split = {word: [bytes([b]) for b in word] for word in words}
    tokens, merges = [bytes([b]) for b in range(256)], []
    while len(tokens) < vocabulary:
        counts = collections.Counter()
        for word, count in words.items():
            for pair in zip(split[word], split[word][1:]):
                counts[pair] += count
        number = {token: i for i, token in enumerate(tokens)}
        best = max(counts, key=lambda p: (counts[p], -number[p[0]], -number[p[1]]), default=None)
        if best is None or counts[best] < 2:
            break
        merges.append(best)
        if best[0] + best[1] not in number:
            tokens.append(best[0] + best[1])
        for word, parts in split.items():
            joined = []
            for part in parts:
                if joined and (joined[-1], part) == best:
                    joined[-1] = best[0] + best[1]
                    joined.append(None)  # what was joined is not joined again in this pass
                else:
                    joined.append(part)
            split[word] = [part for part in joined if part is not None]
    return merges, tokens


def test_the_pairs_are_those_of_a_plain_learner(tmp_path):
    text = (TEXT * 3 + "aaaa aaaaa banana bananas ananas " * 5).encode()
    (tmp_path / "text").write_bytes(text)
    ours = Data(tmp_path / "text", 0, "bpe:400").tokenizer
    pre = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    places = [place for _, place in pre.pre_tokenize_str(text.decode())]
    merges, tokens = learnt_plainly([text.decode()[a:b].encode() for a, b in places], 400)
    assert [ours.decode([i]) for i in range(ours.vocabulary)] == tokens
    ours.write(tmp_path)
    model = json.loads((tmp_path / "tokenizer.json").read_text())["model"]
    written = [
        tuple(tokens[model["vocab"][text]] for text in merge.split()) for merge in model["merges"]
    ]
    assert written == merges


def test_a_text_with_few_pairs_has_fewer_tokens(tmp_path):
    (tmp_path / "text").write_text("abab")
    assert Data(tmp_path / "text", 0, "bpe:300").tokenizer.vocabulary == 257


def test_pieces_of_utf8_wait_for_the_rest(learnt):
    text = "Ünïcode 你好 🙂"
    decoder = Decoder(learnt)
    pieces = [decoder.push(token) for token in learnt.encode(text)] + [decoder.finish()]
    assert b"".join(pieces) == text.encode()
    for piece in pieces:
        piece.decode()


def test_a_pickle_is_the_same(learnt):
    for tokenizer in (learnt, Tokenizer()):
        again = pickle.loads(pickle.dumps(tokenizer))
        assert again.encode(TEXT) == tokenizer.encode(TEXT)


def test_what_is_not_read_is_named(learnt, tmp_path):
    learnt.write(tmp_path)
    good = json.loads((tmp_path / "tokenizer.json").read_text())

    def message(change):
        file = json.loads(json.dumps(good))
        change(file)
        (tmp_path / "bad.json").write_text(json.dumps(file))
        with pytest.raises(Error) as error:
            Tokenizer.read(tmp_path / "bad.json")
        return str(error.value)

    def put(*path_and_value):
        *path, key, value = path_and_value

        def change(file):
            for name in path:
                file = file[name]
            file[key] = value

        return change

    assert "normalizer is NFKC" in message(put("normalizer", {"type": "NFKC"}))
    assert "pre_tokenizer is Whitespace" in message(put("pre_tokenizer", {"type": "Whitespace"}))
    assert "pre_tokenizer is none" in message(put("pre_tokenizer", None))
    assert "add_prefix_space is true" in message(put("pre_tokenizer", "add_prefix_space", True))
    byte_level = good["pre_tokenizer"]

    def sequence(*parts):
        return message(put("pre_tokenizer", {"type": "Sequence", "pretokenizers": list(parts)}))

    def splitter(pattern, behavior="Isolated"):
        return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": False}

    assert "a Sequence of nothing" in sequence()
    assert "pre_tokenizer ends with Digits" in sequence({"type": "Digits"})
    assert "pre_tokenizer has ByteLevel" in sequence(byte_level, {"type": "Digits"})
    assert "pre_tokenizer has Punctuation" in sequence({"type": "Punctuation"}, byte_level)
    assert "behavior Removed" in sequence(splitter({"Regex": "a"}, "Removed"), byte_level)
    assert "neither Regex nor String" in sequence(splitter({}), byte_level)
    for expression, what in {
        r"\w+": r'"\w" at byte 0 is not read',
        r"a(?<=b)": '"(?<=" at byte 1 is not read',
        "(?i:ß)": "is not read",
        "(?i:a+)": '"+" at byte 5 is not read',
        "(?i:[^a])": '"[^a]" at byte 4 is not read',
        "(?i:'ST)": '"ST" at byte 5 is not read',
        "(?i)a": '"(?i)" at byte 0 is not read',
        "[a-z&&[b]]": '"&&" at byte 4 is not read',
        "[[:alpha:]]": '"[:" at byte 1 is not read',
        "^a": '"^" at byte 0 is not read',
        "a{2}?": '"{2}?" at byte 1 is not read',
        "a{,2}": '"{,2}" at byte 1 is not read',
        r"\xe4": r'"\x" at byte 0 is not read',
        "a[b": "is not read",
        "a\\": "is not read",
        r"\p{Nobody}": "unknown property",
        "(a": "missing closing parenthesis",
        "a*": "can match nothing at all",
    }.items():
        assert what in sequence(splitter({"Regex": expression}), byte_level), expression
    assert "decoder is WordPiece" in message(put("decoder", {"type": "WordPiece"}))
    assert "model is WordPiece; BPE is read" in message(
        lambda file: file.update(model={"type": "WordPiece"}, pre_tokenizer=None)
    )
    assert "has no model" in message(lambda file: file.pop("model"))
    assert "model is Unigram" in message(put("model", "type", "Unigram"))
    for key, value in {
        "dropout": 0.1,
        "end_of_word_suffix": "</w>",
        "byte_fallback": True,
    }.items():
        assert f"model.{key} is" in message(put("model", key, value))
    assert "truncation is" in message(put("truncation", {"max_length": 8}))
    token = {"id": 700, "content": "x", "single_word": False, "lstrip": True, "rstrip": False}
    assert "lstrip is true" in message(put("added_tokens", [token]))
    assert "a token's number is -1" in message(put("model", "vocab", "x", -1))
    assert "two tokens have the number 5" in message(put("model", "vocab", "xyz", 5))
    assert "no token has the number 700" in message(put("model", "vocab", "xyz", 701))
    assert "stands for no byte" in message(put("model", "vocab", "你", 700))
    assert "merge 0" in message(put("model", "merges", ["a"]))
    assert "merge 0: no token stands for" in message(put("model", "merges", ["\u0100 \u0101"]))

    def lose_a_byte(file):
        del file["model"]["vocab"]["!"]
        file["model"]["vocab"]["a!"] = 33
        file["model"]["merges"] = []

    assert "no token stands for the byte 33" in message(lose_a_byte)
    for name in ("bpe:255", "bpe:x", "bpe:", "word"):
        with pytest.raises(Error, match="tokenizer"):
            Data(tmp_path / "bad.json", tokenizer=name)
