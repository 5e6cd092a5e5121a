"""The enrolment page: one HTML document without outside parts, made for a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

# What each fault of a photo is called here; the chat has its own words for citizens.
PROBLEMS: Mapping[str, str] = {
    "no_face": "Wajah belum terlihat di foto itu. Coba foto lain yang menghadap kamera.",
    "many_faces": "Ada lebih dari satu wajah. Pakai foto dengan satu orang saja.",
    "small": "Wajahnya terlalu kecil. Coba lebih dekat ke kamera.",
    "dark": "Fotonya terlalu gelap. Coba dekat jendela atau di luar rumah.",
    "bright": "Fotonya terlalu terang. Coba jangan melawan cahaya.",
    "blurred": "Fotonya kurang tajam. Pegang HP dengan tenang, lalu coba lagi.",
    "cut_off": "Sebagian wajah terpotong. Coba seluruh wajah masuk ke foto.",
    "turned": "Wajahnya terlalu menoleh. Coba menghadap lurus ke kamera.",
    "ktp": "Sepertinya itu foto KTP. Pakai foto wajah langsung.",
    "unreadable": "Berkas itu tidak bisa dibaca sebagai foto. Pakai JPEG, PNG, WebP, atau HEIC.",
    "missing": "Belum ada foto yang dipilih.",
    "sample_missing": "Foto contoh tidak terpasang di komputer ini. Pakai foto sendiri.",
}
SAVED = "Wajah sudah tersimpan untuk {name}. Sekarang cobalah lewat obrolan."
REMOVED = "Wajah untuk {name} sudah dihapus."

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob: data:; "
        "media-src blob:; connect-src 'self'; form-action 'self'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A resident on the page."""

    number: int
    name: str
    cerita: str
    has_portrait: bool


def page(rows: Sequence[Row], chosen: int, message: str = "", *, good: bool = True) -> str:
    """The whole document, with `message` above the form after something was done."""
    options = "".join(
        f'<option value="{row.number}"{" selected" if row.number == chosen else ""}>'
        f"{row.number}. {escape(row.name)} — {'ada wajah' if row.has_portrait else 'belum ada wajah'}</option>"
        for row in rows
    )
    stories = "".join(f"<li><b>{escape(row.name)}</b>: {escape(row.cerita)}</li>" for row in rows)
    kind = "good" if good else "bad"
    notice = f'<p role="status" class="{kind}">{escape(message)}</p>' if message else ""
    return _PAGE.substitute(options=options, stories=stories, notice=notice)


_PAGE = Template("""<!doctype html>
<html lang="id">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Daftarkan wajah – sandbox Perlinsos</title>
<style>
:root { color-scheme: light dark; --line: #8a94a0; --act: #0b5cad; }
* { box-sizing: border-box; }
body { font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: .2rem 0 .6rem; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
label { display: block; font-weight: 600; margin: 1rem 0 .3rem; }
select, input[type=file], button { font: inherit; width: 100%; min-height: 48px; padding: .6rem .8rem;
  border: 1px solid var(--line); border-radius: 10px; background: transparent; color: inherit; }
option { color: #111; background: #fff; }
button { cursor: pointer; margin-top: .6rem; }
button.main { background: var(--act); border-color: var(--act); color: #fff; font-weight: 600; }
button:focus-visible, select:focus-visible, input:focus-visible { outline: 3px solid #f0a500; outline-offset: 2px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; }
.good, .bad { padding: .7rem .9rem; border-radius: 10px; border: 2px solid #1b7f3b; }
.bad { border-color: #b3261e; }
.note, li { color: color-mix(in srgb, currentColor 75%, transparent); font-size: .95rem; }
video, img#shot { width: 100%; border-radius: 10px; margin-top: .6rem; background: #0003; }
ul { padding-left: 1.1rem; }
[hidden] { display: none; }
</style>
</head>
<body>
<main>
<h1>Daftarkan wajah untuk warga contoh</h1>
<p>Ini sandbox: semua warga di sini rekaan. Pilih satu warga, lalu beri wajah. Setelah itu, swafoto dengan wajah yang
sama akan cocok.</p>
$notice
<form method="post" action="enrol" enctype="multipart/form-data" id="form">
<label for="n">Warga</label>
<select name="n" id="n">$options</select>

<h2>Pakai foto sendiri</h2>
<label for="photo">Foto wajah, menghadap kamera</label>
<input type="file" name="photo" id="photo" accept="image/*,.heic,.heif">
<button type="button" id="camera" hidden>Ambil dengan kamera</button>
<video id="video" autoplay playsinline muted hidden></video>
<button type="button" id="snap" hidden>Jepret</button>
<img id="shot" alt="Foto yang baru diambil" hidden>
<button class="main" type="submit">Simpan wajah ini</button>

<h2>Atau pakai foto contoh</h2>
<p class="note">Dua potret milik umum: Eileen Collins (NASA) dan Grace Hopper (US Navy).</p>
<div class="pair">
<button type="submit" name="sample" value="collins">Pakai foto contoh 1 (Collins)</button>
<button type="submit" name="sample" value="hopper">Pakai foto contoh 2 (Hopper)</button>
</div>
<h2>Hapus</h2>
<button type="submit" name="remove" value="1">Hapus wajah warga ini</button>
</form>
<p class="note">Foto tidak disimpan. Yang disimpan hanya angka ciri wajah, terenkripsi, di komputer ini saja.</p>
<details><summary>Cerita tiap warga</summary><ul>$stories</ul></details>
</main>
<script>
const camera = document.getElementById("camera"), video = document.getElementById("video");
const snap = document.getElementById("snap"), shot = document.getElementById("shot");
const photo = document.getElementById("photo");
if (navigator.mediaDevices && window.isSecureContext) camera.hidden = false;
camera.onclick = async () => {
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 1280 } });
  } catch (refused) {
    camera.textContent = "Kamera tidak bisa dipakai; pilih berkas foto di atas";
    camera.disabled = true;
    return;
  }
  video.hidden = snap.hidden = false; shot.hidden = camera.hidden = true;
};
snap.onclick = () => {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => {
    const chosen = new DataTransfer();
    chosen.items.add(new File([blob], "kamera.jpg", { type: "image/jpeg" }));
    photo.files = chosen.files;
    shot.src = URL.createObjectURL(blob);
    shot.hidden = camera.hidden = false; video.hidden = snap.hidden = true;
    video.srcObject.getTracks().forEach((track) => track.stop());
    camera.textContent = "Ulangi dengan kamera";
  }, "image/jpeg", 0.92);
};
</script>
</body>
</html>
""")
