import dataclasses
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors import weights
from evalsuite.extractors.extractor import ExtractorOptions

NAME = "medicalnet-resnet10"
CONTENT = b"the weights of a network" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with empty caches and no hub, on which CONTENT is the published ResNet-10."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("no_proxy", "*")
    published = dataclasses.replace(weights.PUBLISHED[NAME], sha256=DIGEST)
    monkeypatch.setitem(weights.PUBLISHED, NAME, published)
    return tmp_path


@pytest.fixture
def hub(monkeypatch):
    """A hub on the loopback device; its attributes say what it answers and what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests.append(self.path)
            self.send_response(server.status)
            self.send_header("Content-Length", str(server.announced))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.status, server.body = [], 200, CONTENT
    server.announced = len(CONTENT)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def places(machine):
    """Where a copy may lie, in the order of precedence."""
    snapshots = machine / "huggingface/hub/models--TencentMedicalNet--MedicalNet-Resnet10/snapshots"
    return [
        machine / "own/weights/resnet_10.pth",
        machine / "torch/hub/medicalnet/resnet_10.pth",
        machine / "torch/hub/checkpoints/resnet_10.pth",
        snapshots / "0a1b2c/resnet_10.pth",
    ]


def message(function, *arguments):
    with pytest.raises(weights.WeightsError) as caught:
        function(*arguments)
    assert isinstance(caught.value, EvalsuiteError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_eight_files_are_published_each_with_its_own_hash(monkeypatch):
    monkeypatch.undo()
    table = weights.PUBLISHED
    assert len(table) == 8
    assert len({item.sha256 for item in table.values()}) == 8
    assert all(re.fullmatch("[0-9a-f]{64}", item.sha256) for item in table.values())
    assert table["medicalnet-resnet34-23datasets"].url == (
        "https://huggingface.co/TencentMedicalNet/MedicalNet-Resnet34/resolve/main/"
        "resnet_34_23dataset.pth"
    )
    # The first and the last digits of each, as issue 2 lists them.
    assert [item.sha256[:4] + item.sha256[-4:] for item in table.values()] == [
        "282497c0", "afa82605", "38b31da3", "612210f4",
        "977ac658", "3ea7aa28", "5b61bd84", "ff48246e",
    ]  # fmt: skip


def test_the_first_verified_copy_wins(machine):
    for place in reversed(places(machine)):
        put(place)
        assert weights.obtain(NAME, ExtractorOptions(offline=True)).path == place


def test_the_user_s_file_wins_over_every_cache(machine):
    put(places(machine)[0])
    mine = put(machine / "mine.pth")
    found = weights.obtain(NAME, ExtractorOptions(weights=mine))
    assert found == weights.WeightFile(mine, DIGEST, published=True)


def test_a_wrong_file_in_another_program_s_cache_is_passed_over(machine):
    put(places(machine)[1], b"a page that says the quota is exceeded")
    put(places(machine)[3])
    assert weights.obtain(NAME, ExtractorOptions(offline=True)).path == places(machine)[3]


def test_the_hugging_face_cache_may_lie_elsewhere(machine, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(machine / "shared"))
    repository = machine / "shared/models--TencentMedicalNet--MedicalNet-Resnet10"
    copy = put(repository / "snapshots/0a1b2c/resnet_10.pth")
    assert weights.obtain(NAME, ExtractorOptions(offline=True)).path == copy


def test_a_damaged_file_in_our_cache_is_told(machine):
    own = put(places(machine)[0], CONTENT[:-1])
    assert message(weights.obtain, NAME, ExtractorOptions()) == (
        f"{own}: its SHA-256 is not that of the published resnet_10.pth ({DIGEST}); delete it "
        "and run `evalsuite weights fetch medicalnet-resnet10`."
    )


def test_a_truncated_or_foreign_file_of_the_user_is_refused(machine):
    mine = put(machine / "mine.pth", CONTENT[:1000])
    digest = hashlib.sha256(CONTENT[:1000]).hexdigest()
    assert message(weights.obtain, NAME, ExtractorOptions(weights=mine)) == (
        f"{mine}: its SHA-256 is {digest}, but the published resnet_10.pth has {DIGEST}; fetch "
        f"that with `evalsuite weights fetch {NAME}`, or vouch for weights of your own with "
        f"`sha256sum {mine} > {mine}.sha256`."
    )


def test_the_user_may_vouch_for_weights_of_their_own(machine):
    mine = put(machine / "mine.pth", b"fine-tuned")
    digest = hashlib.sha256(b"fine-tuned").hexdigest()
    voucher = machine / "mine.pth.sha256"
    voucher.write_text(f"{digest}  mine.pth\n")
    found = weights.obtain(NAME, ExtractorOptions(weights=mine))
    assert found == weights.WeightFile(mine, digest, published=False)
    for other in (f"{DIGEST}  mine.pth\n", ""):
        voucher.write_text(other)
        assert message(weights.obtain, NAME, ExtractorOptions(weights=mine)) == (
            f"{mine}: its SHA-256 is {digest}, but {voucher} vouches for another."
        )


def test_the_file_of_another_depth_is_recognised(machine):
    mine = put(machine / "mine.pth")
    text = message(weights.obtain, "medicalnet-resnet18", ExtractorOptions(weights=mine))
    assert text == f"{mine}: holds the weights {NAME}, not medicalnet-resnet18."


def test_a_missing_file_of_the_user_is_named(machine):
    missing = machine / "none.pth"
    text = message(weights.obtain, NAME, ExtractorOptions(weights=missing))
    assert text == f"{missing}: the file cannot be read: No such file or directory."


@pytest.mark.parametrize("variable", [None, "HF_HUB_OFFLINE"])
def test_offline_says_what_to_download_and_where_to_put_it(machine, monkeypatch, hub, variable):
    if variable:
        monkeypatch.setenv(variable, "1")
    text = message(weights.obtain, NAME, ExtractorOptions(offline=variable is None))
    assert text == (
        f"The weights {NAME} are not on this machine and may not be downloaded offline: download "
        f"http://127.0.0.1:{hub.server_port}/TencentMedicalNet/MedicalNet-Resnet10/resolve/main/"
        f"resnet_10.pth to {machine}/own/weights/resnet_10.pth, or name the file with "
        "--weights FILE."
    )
    assert hub.requests == []


def test_without_a_network_the_same_is_said_with_the_reason(machine):
    text = message(weights.obtain, NAME, ExtractorOptions())
    assert "could not be downloaded ([Errno 111] Connection refused): download http://" in text
    assert f"to {machine}/own/weights/resnet_10.pth, or name the file with --weights FILE" in text


def test_a_download_is_verified_and_kept(machine, hub):
    path = weights.fetch(NAME)
    assert path == places(machine)[0]
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert weights.fetch(NAME) == path
    assert hub.requests == ["/TencentMedicalNet/MedicalNet-Resnet10/resolve/main/resnet_10.pth"]


@pytest.mark.parametrize(
    ("status", "body", "announced", "expected"),
    [
        (200, CONTENT[:9000], len(CONTENT), r"broke off after 9,000 of 24,000 bytes: download"),
        (200, b"other", 5, r"the file there has the SHA-256 d9298a10.*; nothing was kept\."),
        (404, b"", 0, r"could not be downloaded \(Not Found\): download http://127"),
    ],
)
def test_a_failed_download_leaves_nothing(machine, hub, status, body, announced, expected):
    hub.status, hub.body, hub.announced = status, body, announced
    assert re.search(expected, message(weights.fetch, NAME))
    assert list((machine / "own/weights").iterdir()) == []


def test_an_unwritable_cache_is_told(machine):
    put(machine / "own", b"a file where the folder should be")
    assert "could not be downloaded (Not a directory)" in message(weights.fetch, NAME)


def test_unknown_names_are_answered_with_the_known():
    assert message(weights.fetch, "resnet10").startswith(
        'Unknown weights "resnet10". Known weights: medicalnet-resnet10, medicalnet-resnet10-23'
    )


def test_files_are_told_by_their_bytes(machine):
    assert weights.verify(put(machine / "whatever")) == NAME
    other = put(machine / "other", b"x")
    assert message(weights.verify, other) == (
        f"{other}: its SHA-256 is {hashlib.sha256(b'x').hexdigest()}, which is none of the "
        "published weights'."
    )


def test_the_list_tells_what_is_here(machine):
    put(places(machine)[2])
    wrong = put(machine / "own/weights/resnet_50.pth", b"half a file")
    found = {item.name: (item.status, item.path) for item in weights.list_weights()}
    assert len(found) == 8
    assert found.pop(NAME) == ("verified", places(machine)[2])
    assert found.pop("medicalnet-resnet50") == ("wrong hash", wrong)
    assert set(found.values()) == {("absent", None)}


@pytest.mark.parametrize(
    "variable", ["TORCH_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]
)
def test_the_home_of_nobody_holds_no_weights(machine, monkeypatch, variable):
    if variable == "XDG_CACHE_HOME":  # where the others do not say
        monkeypatch.delenv("TORCH_HOME")
        monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, "~no-such-user/cache")
    assert {item.status for item in weights.list_weights()} == {"absent"}
