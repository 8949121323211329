// What the graphics card computes. The window acts on interpolated voxels at full precision; only
// what comes out of it is rounded to the screen's 256 greys.

const CORNERS = `#version 300 es
void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`;

// A plane: bilinear between the voxels of one slice, black outside.
const PLANE = `#version 300 es
precision highp float;
precision highp usampler2D;
uniform usampler2D slice;
uniform vec2 origin, pace, levels; // voxel = origin + pace * pixel; levels of black and of white
out vec4 grey;
float at(ivec2 place) { return float(texelFetch(slice, place, 0).r); }
void main() {
  ivec2 size = textureSize(slice, 0);
  vec2 place = origin + pace * gl_FragCoord.xy;
  if (any(lessThan(place, vec2(-0.5))) || any(greaterThan(place, vec2(size) - 0.5))) discard;
  place = clamp(place, vec2(0.0), vec2(size - 1));
  ivec2 a = ivec2(place), b = min(a + 1, size - 1);
  vec2 part = place - vec2(a);
  float below = mix(at(a), at(ivec2(b.x, a.y)), part.x);
  float above = mix(at(ivec2(a.x, b.y)), at(b), part.x);
  float share = (mix(below, above, part.y) - levels.x) / (levels.y - levels.x);
  grey = vec4(vec3(floor(clamp(share, 0.0, 1.0) * 255.0 + 0.5) / 255.0), 1.0);
}`;

// The solid volume: rays through fog that is as dense and as light as the window shows each voxel.
const SOLID = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler3D volume;
uniform mat3 camera; // right, up and towards the reader, along the patient's axes
uniform vec3 size; // of the volume; the longest diagonal is 1
uniform vec2 middle, levels; // pixel of the middle; shares of the range for black and white
uniform float scale; // pixels for the diagonal
out vec4 grey;
void main() {
  vec2 at = (gl_FragCoord.xy - middle) / scale;
  vec3 way = -camera[2];
  vec3 start = camera[0] * at.x + camera[1] * at.y + camera[2];
  vec3 safe = mix(way, vec3(1e-6), lessThan(abs(way), vec3(1e-6)));
  vec3 one = (-0.5 * size - start) / safe, other = (0.5 * size - start) / safe;
  vec3 first = min(one, other), last = max(one, other);
  float near = max(max(first.x, first.y), first.z), far = min(min(last.x, last.y), last.z);
  float pace = 1.0 / length(vec3(textureSize(volume, 0)));
  float light = 0.0, through = 1.0;
  for (float depth = near + 0.5 * pace; depth < far && through > 0.02; depth += pace) {
    float voxel = texture(volume, (start + depth * way) / size + 0.5).r;
    float share = clamp((voxel - levels.x) / (levels.y - levels.x), 0.0, 1.0);
    float dense = 1.0 - pow(1.0 - 0.995 * share * share, pace * 40.0);
    light += through * dense * share;
    through *= 1.0 - dense;
  }
  grey = vec4(vec3(light), 1.0);
}`;

function compile(gl, source) {
  const program = gl.createProgram();
  [[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, source]].forEach(([type, text]) => {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  });
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

// A program that fills the viewport, with values for its uniforms by name; null where it does not
// compile.
export function shader(gl, name) {
  const program = compile(gl, { plane: PLANE, solid: SOLID }[name]);
  if (!program) return null;
  const set = {
    1: (place, value) => gl.uniform1f(place, value),
    2: (place, value) => gl.uniform2fv(place, value),
    3: (place, value) => gl.uniform3fv(place, value),
    9: (place, value) => gl.uniformMatrix3fv(place, false, value),
  };
  return (uniforms) => {
    gl.useProgram(program);
    for (const [uniform, value] of Object.entries(uniforms)) {
      set[value.length ?? 1](gl.getUniformLocation(program, uniform), value);
    }
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  };
}
