// Opens exported files in a real browser and says what it saw: node look.mjs JOB.json, started in the folder that has
// node_modules. The job is {"glb": FILE, "vrm": FILE, "fbx": FILE, "packed": FILE, "ktx2": FILE, "plain": FILE,
// "page": FILE, "out": FOLDER}, each as wanted; `plain` beside `ktx2`, to compare.
// Pictures go to `out`, a JSON report to stdout. The browser has no network: what it asks for comes from this disk.
import fs from "node:fs";
import path from "node:path";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const here = process.cwd();
const origin = "http://likeness.test/";
const asked = [], missing = [];
const kinds = { ".js": "text/javascript", ".mjs": "text/javascript", ".html": "text/html", ".wasm": "application/wasm" };

const imports = {
  three: `${origin}node_modules/three/build/three.module.js`,
  "three/addons/": `${origin}node_modules/three/examples/jsm/`,
  "@pixiv/three-vrm": `${origin}node_modules/@pixiv/three-vrm/lib/three-vrm.module.js`,
};
const html = (body) => `<!doctype html><meta charset="utf-8"><style>body{margin:0}</style>
<script type="importmap">${JSON.stringify({ imports })}</script>${body}`;
const pages = {
  "stage.html": html(`<script type="module">
    import * as THREE from "three";
    import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
    import { FBXLoader } from "three/addons/loaders/FBXLoader.js";
    import { VRMLoaderPlugin } from "@pixiv/three-vrm";
    import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";
    import { KTX2Loader } from "three/addons/loaders/KTX2Loader.js";
    Object.assign(window, { KTX2Loader, MeshoptDecoder, THREE, GLTFLoader, FBXLoader, VRMLoaderPlugin });
    const renderer = new THREE.WebGLRenderer({ antialias: false, preserveDrawingBuffer: true });
    renderer.setSize(320, 400);
    window.renderer = renderer;
    document.body.append(renderer.domElement);
    window.stage = (object) => {
      const scene = new THREE.Scene();
      scene.background = new THREE.Color(0x556677);
      scene.add(new THREE.HemisphereLight(0xffffff, 0x665544, 2), object);
      const sun = new THREE.DirectionalLight(0xffffff, 2);
      sun.position.set(1, 1, 2);
      scene.add(sun);
      object.traverse((item) => { item.frustumCulled = false; });
      object.updateMatrixWorld(true);
      const middle = new THREE.Box3().setFromObject(object).getCenter(new THREE.Vector3());
      const eye = object.getObjectByName("head") ?? object.getObjectByName("Head");
      if (eye) eye.getWorldPosition(middle);
      const camera = new THREE.PerspectiveCamera(24, 0.8, 0.02, 10);
      camera.position.set(middle.x, middle.y + 0.03, middle.z + 0.85);
      camera.lookAt(middle.x, middle.y + 0.03, middle.z);
      return { scene, shoot: () => { renderer.render(scene, camera); return renderer.domElement.toDataURL(); } };
    };
    window.text = (array) => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      let letters = "";
      for (let at = 0; at < bytes.length; at += 8192) letters += String.fromCharCode(...bytes.subarray(at, at + 8192));
      return btoa(letters);
    };
    window.arrays = (object) => {
      const found = [];
      object.traverse((item) => {
        if (!item.isMesh) return;
        const { position } = item.geometry.attributes;
        found.push({ place: [...item.matrixWorld.elements], base: text(position.array),
          names: Object.keys(item.morphTargetDictionary), relative: item.geometry.morphTargetsRelative,
          targets: item.geometry.morphAttributes.position.map((target) => text(target.array)),
          bones: item.skeleton.bones.map((bone) => bone.name) });
      });
      return found;
    };
    window.ready = true;
  </script>`),
  "viewer.html": html(`<script type="module" src="${origin}node_modules/@google/model-viewer/dist/model-viewer.min.js">
  </script><model-viewer src="file.glb" style="width:320px;height:400px" interaction-prompt="none"></model-viewer>`),
};

const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(), headless: "shell",
  args: [...chromium.args, "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});

async function open(url, ready) {
  const page = await browser.newPage();
  await page.setViewport({ width: 900, height: 600 });
  page.on("pageerror", (error) => report.errors.push(String(error)));
  page.on("console", (line) => {
    if (line.type() === "error" && !line.text().includes("404")) report.errors.push(line.text());
  });
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    const address = request.url();
    if (/^(data|blob|file):/.test(address)) return request.continue();
    asked.push(address);
    if (!address.startsWith(origin)) return request.abort();
    const name = address.slice(origin.length);
    const given = { "file.glb": job.glb, "file.vrm": job.vrm, "file.fbx": job.fbx, "packed.glb": job.packed,
      "ktx2.glb": job.ktx2, "plain.glb": job.plain }[name];
    // Pictures of an FBX lie beside it, under the names that it gives.
    const beside = job.fbx && path.join(path.dirname(job.fbx), path.basename(name));
    const file = given ?? (name.endsWith(".png") && beside ? beside : path.join(here, name));
    if (pages[name]) return request.respond({ contentType: "text/html", body: pages[name] });
    if (given || ((name.startsWith("node_modules/") || file === beside) && fs.existsSync(file))) {
      return request.respond({ contentType: kinds[path.extname(file)] ?? "application/octet-stream",
        body: fs.readFileSync(file) });
    }
    if (name !== "favicon.ico") missing.push(name);
    return request.respond({ status: 404, body: "" });
  });
  await page.goto(url);
  await page.waitForFunction(ready, { timeout: 60000 });
  return page;
}

const keep = (shots) => Object.fromEntries(Object.entries(shots).map(([name, data]) => {
  const file = path.join(job.out, `${name}.png`);
  fs.writeFileSync(file, Buffer.from(data.split(",")[1], "base64"));
  return [name, file];
}));
const report = { errors: [], missing, shots: {} };

if (job.glb) {
  const page = await open(`${origin}stage.html`, "window.ready");
  const seen = await page.evaluate(async () => {
    const gltf = await new GLTFLoader().loadAsync("file.glb");
    const stand = stage(gltf.scene), morphing = [];
    gltf.scene.traverse((item) => { if (item.morphTargetInfluences) morphing.push(item); });
    const set = (name, value) => morphing.forEach((item) => {
      item.morphTargetInfluences[item.morphTargetDictionary[name]] = value;
    });
    const head = gltf.scene.getObjectByName("head") ?? gltf.scene.getObjectByName("Head");
    const shots = { three_rest: stand.shoot() };
    for (const name of ["jawOpen", "eyeBlinkLeft"]) {
      set(name, 1);
      shots[`three_${name}`] = stand.shoot();
      set(name, 0);
    }
    head.rotation.y = 0.5;
    shots.three_turned = stand.shoot();
    head.rotation.y = 0;
    shots.three_again = stand.shoot();
    return { shots, meshes: arrays(gltf.scene) };
  });
  report.glb = seen.meshes;
  Object.assign(report.shots, keep(seen.shots));
  await page.close();

  const viewer = await open(`${origin}viewer.html`, "document.querySelector('model-viewer')?.loaded");
  Object.assign(report.shots, keep(await viewer.evaluate(async () => {
    const viewer = document.querySelector("model-viewer");
    const symbol = Object.getOwnPropertySymbols(viewer).find((item) => item.description === "scene");
    const scene = viewer[symbol], shots = {};
    const shoot = async () => {
      scene.queueRender();
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      return viewer.toDataURL();
    };
    shots.viewer_rest = await shoot();
    scene.traverse((item) => {
      if (item.morphTargetInfluences) item.morphTargetInfluences[item.morphTargetDictionary.jawOpen] = 1;
    });
    shots.viewer_jawOpen = await shoot();
    return shots;
  })));
  await viewer.close();
}

if (job.vrm) {
  const page = await open(`${origin}stage.html`, "window.ready");
  const seen = await page.evaluate(async () => {
    const loader = new GLTFLoader();
    loader.register((parser) => new VRMLoaderPlugin(parser));
    const { vrm } = (await loader.loadAsync("file.vrm")).userData;
    const stand = stage(vrm.scene), shots = {}, manager = vrm.expressionManager;
    const shoot = () => { vrm.update(0); return stand.shoot(); };
    shots.vrm_rest = shoot();
    for (const name of Object.keys(manager.presetExpressionMap)) {
      manager.setValue(name, 1);
      shots[`vrm_${name}`] = shoot();
      manager.setValue(name, 0);
    }
    vrm.lookAt.yaw = 25;
    shots.vrm_looking = shoot();
    vrm.lookAt.yaw = 0;
    vrm.humanoid.getNormalizedBoneNode("head").rotation.y = 0.5;
    shots.vrm_turned = shoot();
    vrm.humanoid.getNormalizedBoneNode("head").rotation.y = 0;
    vrm.humanoid.getNormalizedBoneNode("jaw").rotation.x = 0.3;
    shots.vrm_jaw = shoot();
    const place = vrm.humanoid.getRawBoneNode("hips").getWorldPosition(new THREE.Vector3());
    const box = new THREE.Box3().setFromObject(vrm.scene);
    return { shots, bones: Object.keys(vrm.humanoid.humanBones), custom: Object.keys(manager.customExpressionMap),
      meta: vrm.meta, looks: vrm.lookAt.applier.constructor.type, hips: place.y, top: box.max.y,
      firstPerson: vrm.firstPerson.meshAnnotations.length };
  });
  Object.assign(report.shots, keep(seen.shots));
  delete seen.shots;
  report.vrm = seen;
  await page.close();
}

if (job.fbx) {
  const page = await open(`${origin}stage.html`, "window.ready");
  const seen = await page.evaluate(async () => {
    const pictures = new Promise((done) => { THREE.DefaultLoadingManager.onLoad = done; });
    const object = await new FBXLoader().loadAsync("file.fbx");
    await pictures;
    object.updateMatrixWorld(true);
    const found = arrays(object);
    object.scale.multiplyScalar(0.01);  // the file counts in centimetres
    return { meshes: found, shots: { fbx_rest: stage(object).shoot() } };
  });
  Object.assign(report.shots, keep(seen.shots));
  report.fbx = seen.meshes;
  await page.close();
}

if (job.packed) {
  const page = await open(`${origin}stage.html`, "window.ready");
  report.packed = await page.evaluate(async () => {
    const loader = new GLTFLoader();
    loader.setMeshoptDecoder(MeshoptDecoder);
    const gltf = await loader.loadAsync("packed.glb");
    stage(gltf.scene);
    const point = new THREE.Vector3(), shown = { rest: [], jawOpen: [] };
    gltf.scene.traverse((item) => {
      if (!item.isMesh) return;
      for (const name of Object.keys(shown)) {
        if (name !== "rest") item.morphTargetInfluences[item.morphTargetDictionary[name]] = 1;
        for (let at = 0; at < item.geometry.attributes.position.count; at++) {
          item.getVertexPosition(at, point);
          item.localToWorld(point);
          shown[name].push(point.x, point.y, point.z);
        }
      }
    });
    return { ...Object.fromEntries(Object.entries(shown).map(([name, list]) => [name, text(new Float32Array(list))])),
      asset: gltf.asset };
  });
  await page.close();
}

if (job.ktx2) {
  const page = await open(`${origin}stage.html`, "window.ready");
  const seen = await page.evaluate(async () => {
    const loader = new GLTFLoader();
    loader.setKTX2Loader(new KTX2Loader().setTranscoderPath("node_modules/three/examples/jsm/libs/basis/")
      .detectSupport(renderer));
    const gltf = await loader.loadAsync("ktx2.glb"), maps = {};
    gltf.scene.traverse((item) => {
      for (const [slot, map] of Object.entries(item.material ?? {})) {
        if (map?.isTexture) maps[`${item.material.name} ${slot}`] = [map.isCompressedTexture === true,
          map.colorSpace, map.image.width, map.mipmaps.length];
      }
    });
    const told = gltf.scene.getObjectByProperty("isMesh", true) && (await gltf.parser.getDependencies("material"))
      .find((item) => item.userData.likeness_wrinkles).userData.likeness_wrinkles;
    const lines = await gltf.parser.getDependency("texture", told.maps.wrinkles_upper.normal);
    const plain = await new GLTFLoader().loadAsync("plain.glb");
    return { maps, lines: lines.isCompressedTexture,
      shots: { ktx2_rest: stage(gltf.scene).shoot(), plain_rest: stage(plain.scene).shoot() } };
  });
  Object.assign(report.shots, keep(seen.shots));
  report.ktx2 = { maps: seen.maps, lines: seen.lines };
  await page.close();
}

if (job.page) {
  const before = asked.length;
  const page = await open(`file://${job.page}`, "window.likeness");
  const shots = {};
  const shoot = async (name) => {
    await page.evaluate(() => { likeness.draw(); return new Promise((done) => requestAnimationFrame(() =>
      requestAnimationFrame(done))); });
    shots[name] = `,${await page.screenshot({ encoding: "base64" })}`;
  };
  await shoot("page_rest");
  await page.evaluate(() => { likeness.set("jawOpen", 1); });
  await shoot("page_jawOpen");
  await page.evaluate(() => { for (const name of likeness.names) likeness.set(name, 0); likeness.set("browInnerUp", 1); });
  await shoot("page_lines");
  await page.evaluate(() => { likeness.fold(() => 0); });
  await shoot("page_no_lines");
  report.page = { asked: asked.slice(before), names: await page.evaluate(() => likeness.names) };
  Object.assign(report.shots, keep(shots));
}

await browser.close();
process.stdout.write(JSON.stringify(report));
