"""The EI stand-in's vault, compiled and run: it accepts, refuses and keeps silent as the server does."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.keystores import keytool, public_key

SERVER = Path(__file__).parents[2] / "embedded/images/wso2ei/server"
pytestmark = pytest.mark.skipif(not shutil.which("javac"), reason="needs a JDK")
ASK = """
public final class Ask {
    public static void main(String[] aliases) throws Exception {
        var vault = Vault.open(java.nio.file.Path.of(System.getProperty("carbon.home")));
        for (String alias : aliases) System.out.println(alias + "=" + vault.resolve(alias));
    }
}
"""
CONF = """
secretRepositories=file
secretRepositories.file.location=conf/security/cipher-text.properties
keystore.identity.location={home}/keystore.jks
keystore.identity.type=JKS
keystore.identity.alias=ei
keystore.identity.store.password=identity.store.password
keystore.identity.store.secretProvider=org.wso2.carbon.securevault.DefaultSecretCallbackHandler
keystore.identity.key.password=identity.key.password
keystore.identity.key.secretProvider=org.wso2.carbon.securevault.DefaultSecretCallbackHandler
"""


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    (folder / "Ask.java").write_text(ASK)
    sources = [str(SERVER / f"{name}.java") for name in ("Vault", "Conf", "Log")]
    done = run("javac", "--release", "17", "-d", ".", "Ask.java", *sources, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keystore")
    keytool(folder, "-genkeypair", "-alias", "ei", "-keystore", "keystore.jks", "-storepass", "of-the-store",
            "-storetype", "JKS", "-keyalg", "RSA", "-dname", "CN=ei", "-keypass", "of-the-key")  # fmt: skip
    key = public_key(folder, "of-the-store")
    good, broken = key.encrypt(b"open sesame", PKCS1v15()), bytes(key.key_size // 8)
    lines = [f"{name}={base64.b64encode(text).decode()}" for name, text in (("Good", good), ("Broken", broken))]
    (folder / "cipher-text.properties").write_text("\n".join(lines))
    return folder


@pytest.fixture
def home(tmp_path: Path, keystore: Path) -> Path:
    (tmp_path / "conf/security").mkdir(parents=True)
    (tmp_path / "conf/security/secret-conf.properties").write_text(CONF.format(home=tmp_path))
    shutil.copy(keystore / "cipher-text.properties", tmp_path / "conf/security")
    shutil.copy(keystore / "keystore.jks", tmp_path)
    return tmp_path


def ask(classes: Path, home: Path, *aliases: str, two: bool = True) -> tuple[int, str]:
    options = [f"-Dcarbon.home={home}", *(["-Dkey.password=true"] if two else [])]
    done = run("java", *options, "-cp", str(classes), "Ask", *aliases, cwd=home)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_an_alias_stands_for_its_secret_and_one_without_for_itself(classes: Path, home: Path) -> None:
    (home / "password-persist").write_text("of-the-store\nof-the-key\n")
    (home / "password-persist").chmod(0o400)
    code, said = ask(classes, home, "Good", "Broken", "Unknown")
    assert (code, said.split()) == (0, ["Good=open", "sesame", "Broken=Broken", "Unknown=Unknown"])
    assert (home / "password-persist").exists()


def test_a_password_that_is_not_to_stay_is_taken_first_and_goes(classes: Path, home: Path) -> None:
    for name in ("password-tmp", "password-persist"):
        (home / name).write_text("of-the-store\nof-the-key\n" if name == "password-tmp" else "wrong\nwrong\n")
    assert ask(classes, home, "Good")[1] == "Good=open sesame\n"
    assert not (home / "password-tmp").exists()


@pytest.mark.parametrize(
    ("passwords", "two", "words"),
    [
        ("wrong\nof-the-key", True, "JKSKeyStoreLoader} -  IOError loading keyStore from ' {home}/keystore.jks ' "),
        ("of-the-store\nwrong", True, "IdentityKeyStoreWrapper} -  Error loading key for alias : ei"),
        # Without the option the second line is not read.
        ("of-the-store\nof-the-key", False, "IdentityKeyStoreWrapper} -  Error loading key for alias : ei"),
    ],
)
def test_a_wrong_password_stops_the_server_with_its_own_words(
    classes: Path, home: Path, passwords: str, two: bool, words: str
) -> None:
    (home / "password-persist").write_text(passwords)
    code, said = ask(classes, home, "Good", two=two)
    assert code != 0
    assert words.replace("{home}", str(home)) in said
    assert "Good=" not in said


def test_without_a_password_or_a_configuration_there_is_no_vault(classes: Path, home: Path) -> None:
    assert ask(classes, home, "Good") == (0, "Good=null\n")
    (home / "password-persist").write_text("of-the-store\nof-the-key\n")
    (home / "conf/security/secret-conf.properties").write_text("#secretRepositories=file\n")
    assert ask(classes, home, "Good") == (0, "Good=null\n")
