"""First run in the installed extension: from "nothing is set up" to a backend, with small wheels instead of torch."""

from pathlib import Path

import pytest

from tests.process.wheels import make

from .installed import in_blender

START = """
import importlib, shutil, time
wheels = Path(sys.argv[2])
part = lambda path: importlib.import_module(name + "." + path)
jobs, places, running, panel = part("jobs"), part("setup.places"), part("setup.running"), part("setup.panel")
State, Cancelled = part("environment").State, part("errors").Cancelled
preferences_module = part("preferences")
(extension / "pyproject.toml").write_text('version = "0.1.0"\\n"torch==2.13.0"\\n')
lock = extension / "requirements" / "backend.lock"
lock.write_text((wheels / "first.lock").read_text())
base = Path(bpy.utils.extension_path_user(name))
environment = base / "environment"
python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
own = {path.name for path in Path(bpy.__file__).parents[1].iterdir()}
set_up = bpy.ops.likeness.setup
context = bpy.context

class Layout:
    '''Draws nothing, and asks of everything that is drawn that it exists.'''
    def __init__(self): self.texts = []
    def label(self, text="", icon="NONE"): self.texts.append(text)
    def progress(self, factor, text): assert 0 <= factor <= 1; self.texts.append(text)
    def prop(self, data, key, **_): assert key in data.bl_rna.properties, key
    def operator(self, key, **_):
        group, function = key.split(".")
        operator = getattr(getattr(bpy.ops, group), function).get_rna_type()
        self.texts.append(key)
        class Options:
            def __setattr__(self, option, value): assert option in operator.properties.keys(), option
        return Options()
    def box(self, **_): return self
    row = column = box

def drawn():
    layout = Layout()
    panel.draw(layout, context)
    panel.draw_preferences(layout, context)
    return " ".join(layout.texts)
"""

WHOLE = START + """
assert not jobs.has_backend(context) and panel.LIKENESS_PT_setup.poll(context)
context.preferences.system.use_online_access = False
fails(set_up, "online access is off")
assert "extensions.userpref_allow_online" in drawn() and "GB" in drawn() and "likeness.setup" in drawn()

held = (wheels / "cv2-1.0-py3-none-any.whl").rename(wheels / "cv2.held")
fails(set_up, "lacks a wheel of cv2", wheels=str(wheels))
failed = running.failed()
assert "lacks a wheel" in drawn() and "likeness.setup_report" in drawn()
report = running.report(failed)
assert "Likeness 0.1.0, Blender" in report and "cv2" in report and str(Path.home()) + "/" not in report, report
assert "cv2" in (base / "setup.log").read_text("utf-8")
assert not jobs.has_backend(context)
held.rename(wheels / "cv2-1.0-py3-none-any.whl")

run = running.start(wheels=wheels)
fails(set_up, "is being set up", wheels=str(wheels))
seen = []
while not run.poll():
    seen.append((run.step.fraction, run.step.text))
    assert run.step.text in drawn() and "likeness.setup_cancel" in drawn()
    time.sleep(0.02)
assert run.error is None, run.error
assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen) and len(seen) > 5
assert running.failed() is None and jobs.has_backend(context) and not panel.LIKENESS_PT_setup.poll(context)
assert jobs.backend_python(context) == python == places.python() and python.is_file()
assert "likeness.setup_remove" in drawn()
assert {path.name for path in Path(bpy.__file__).parents[1].iterdir()} == own
assert importlib.util.find_spec("mediapipe") is None

def version_of(module):
    return next(environment.rglob(f"{module}-*.dist-info")).name.removesuffix(".dist-info").split("-")[1]
assert (version_of("torch"), version_of("scipy")) == ("2.13.0+cpu", "1.0")
made = python.lstat().st_ctime_ns
assert set_up(wheels=str(wheels)) == {"FINISHED"}
lock.write_text((wheels / "second.lock").read_text())
assert places.state() is State.OUTDATED and not jobs.has_backend(context)
assert set_up(wheels=str(wheels)) == {"FINISHED"} and version_of("scipy") == "1.1"
assert python.lstat().st_ctime_ns == made

shutil.rmtree(environment)
assert places.state() is State.MISSING and not jobs.has_backend(context)
assert set_up(wheels=str(wheels)) == {"FINISHED"} and jobs.has_backend(context)
(environment / "pyvenv.cfg").unlink()
assert places.state() is State.BROKEN
assert set_up(wheels=str(wheels)) == {"FINISHED"} and jobs.has_backend(context)
assert set_up(wheels=str(wheels), anew=True) == {"FINISHED"} and jobs.has_backend(context)

bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
assert places.state() is State.OUTDATED and python.is_file()
assert bpy.ops.likeness.setup_remove() == {"FINISHED"}
assert not environment.exists() and not (base / "cache").exists() and not list(base.glob("uv-*"))
"""

ENDS = START + """
run = running.RunningSetup((1 / zero for zero in (0,)), [], None)
assert run.poll() and "error of its own: ZeroDivisionError" in str(run.error) and "Traceback" in running.report(run)
run = running.start(wheels=wheels)
while run.step.text != "Installing packages":
    assert not run.poll(), run.error
run.cancel()
assert isinstance(run.error, Cancelled) and running.running() is None and running.failed() is None
assert places.state() is State.OUTDATED
run = running.start(wheels=wheels)
while run.step.text != "Installing packages":
    assert not run.poll(), run.error
bpy.ops.preferences.addon_disable(module=name)
assert run.done and isinstance(run.error, Cancelled)
bpy.ops.preferences.addon_enable(module=name)
assert bpy.ops.likeness.setup(wheels=str(wheels)) == {"FINISHED"}
"""


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of everything that a set-up loads in the end, and two locks that differ in one version."""
    folder = tmp_path_factory.mktemp("Räder 顔")
    names = ("cv2", "mediapipe", "embreex")
    lock = "".join(make(folder, module) for module in names)
    make(folder, "torch", "2.13.0+cpu", needs="cv2")
    (folder / "first.lock").write_text(lock + make(folder, "scipy"), "utf-8")
    (folder / "second.lock").write_text(lock + make(folder, "scipy", "1.1"), "utf-8")
    return folder


def test_from_nothing_to_a_backend_and_back(package, wheels, tmp_path):
    in_blender(WHOLE, tmp_path, package, wheels)


def test_a_set_up_that_is_cut_off_leaves_what_the_next_one_completes(package, wheels, tmp_path):
    in_blender(ENDS, tmp_path, package, wheels)
