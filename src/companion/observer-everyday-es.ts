/** Signals that matter to the conversation and to the family, without being an emergency. Spanish. */
import { phrases, type Rule } from './observer-rules.ts';

const PASTILLAS =
  '(?:pastillas?|medicinas?|medicacion|medicamentos?|insulina|gotas|inhalador|dosis)';
const FAMILIAR =
  '(?:marido|esposo|esposa|mujer|hij[oa]s?|niet[oa]s?|herman[oa]s?|padres?|madre|sobrin[oa]s?|prim[oa]s?|ti[oa]s?|cunad[oa])';
const QUERIDO = `(?:mi (?:querid[oa] |mejor |pobre )?(?:${FAMILIAR}|amig[oa]|perr[oa]|gat[oa]|vecin[oa])|ell|ella)`;
const NO_PUEDO =
  '(?:no (?:puedo|podia|consigo|soy capaz de|logro)|me cuesta(?: mucho)?|apenas puedo|necesito ayuda para|ya no puedo)';

const BODY: readonly Rule[] = [
  {
    category: 'unsteady',
    severity: 'medium',
    denial: 'fact',
    pattern: phrases(
      'casi me (?:caigo|cai|he caido)',
      'por poco me caigo',
      'me (?:tropece|resbale|he tropezado|he resbalado)',
      '(?:perdi|pierdo|he perdido) el equilibrio',
    ),
  },
  {
    category: 'dizziness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:maread[oa]|mareos?|me mareo|vertigos?|me maree)',
      'me da vueltas (?:todo|la cabeza|la habitacion)',
      'todo me da vueltas',
    ),
  },
  {
    category: 'medication-trouble',
    severity: 'medium',
    denial: 'asserted',
    pattern: phrases(
      `se me (?:olvido|olvidaron|ha olvidado|han olvidado|olvidan?)(?: tomar)?~ ${PASTILLAS}`,
      `(?:olvide|he olvidado)(?: tomar(?:me)?)?~ ${PASTILLAS}`,
      `(?:se me (?:acabo|acabaron|han acabado|ha acabado|terminaron)|me (?:he )?quede? sin)~ ${PASTILLAS}`,
      `no (?:recuerdo|me acuerdo|se) si (?:me )?(?:he )?(?:tome|tomado)`,
      `(?:deje|he dejado) de tomar~ ${PASTILLAS}`,
      `${PASTILLAS}~ me (?:sientan? mal|dan? sueno|marean?|dan? nauseas)`,
    ),
  },
  {
    category: 'pain',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      'me duelen?(?: mucho| bastante| un poco| tanto)? (?!el pecho|el alma)(?:el|la|los|las|todo)',
      'tengo (?:mucho |un )?dolor(?:es)?(?! en el pecho)',
      'me (?:he )?(?:golpee|golpeado|di un golpe) (?:en )?la (?:cabeza|cadera)',
    ),
  },
  {
    category: 'illness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:vomitando|vomite|he vomitado|fiebre|neumonia|diarrea)',
      '(?:me (?:encuentro|siento)|estoy) (?:muy |bastante |algo )?(?:mal(?! de la| con)|enferm[oa]|malit[oa]|fatal)',
      '(?:el corazon|el pulso)~ (?:acelerado|va muy rapido|a mil)',
      'no (?:puedo|podia|pude|consigo) dormir',
    ),
  },
  {
    category: 'someone-elses-health',
    severity: 'medium',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${QUERIDO}(?: se| tuvo| ha tenido| tiene| esta)* (?:cayo|ha caido|un infarto|un ictus|una caida|en el hospital|ingresad[oa]|muy enferm[oa]|cancer|demencia|rompio la cadera)`,
      `a ${QUERIDO} le (?:dio|ha dado) un (?:infarto|ictus|derrame)`,
    ),
    unless: /\b(?:trabaja|enfermer[oa])\b/,
  },
  {
    category: 'cognition',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      '(?:mando|llaves|gafas|cartera|telefono|movil|zapatos?|zapatillas|dentadura|audifonos?|libro|bolso|reloj)(?: estaban?| aparecio| aparecieron| estaba)*~ en (?:la nevera|el frigorifico|el congelador|el horno|el microondas|la lavadora|la basura)',
      '(?:puse|encontre|meti|he encontrado|deje)~ (?:mando|llaves|gafas|cartera|telefono|movil|zapatos|dentadura|audifonos|bolso)~ en (?:la nevera|el frigorifico|el congelador|el horno|el microondas|la lavadora|la basura)',
      'me (?:he )?(?:perdi|perdido)(?! (?:el|la|un|una|en (?:el libro|mis pensamientos|la lectura))\\b)',
      'no (?:se|recuerdo|me acuerdo de|tengo idea de) (?:en )?que (?:dia|ano|mes) (?:es|estamos|vivimos)',
      '(?:creia|pensaba) que (?:hoy )?era (?:lunes|martes|miercoles|jueves|viernes|sabado|domingo)',
      '(?:no (?:encuentro|me sale)|se me olvidan?) (?:la palabra|las palabras|el nombre de las cosas)',
      '(?:pierdo|perdiendo|me falla|me esta fallando) (?:la|mucho la) (?:memoria|cabeza)',
      'se me olvida(?:n)? (?:todo|las cosas|mucho)',
      '(?:estoy|me siento|ando) (?:muy |un poco |algo )?confundid[oa]',
      'no (?:reconozco|reconoci|reconocia) (?:a |mi |la |al )',
      'no (?:me acuerdo|recuerdo) (?:de )?(?:como se llama mi|donde vivo|mi nombre|nada|si he comido)',
      '(?:deje|he dejado|me deje)(?: encendid[oa])? (?:el fuego|la plancha|el horno|la cocina|el grifo)(?: encendid[oa]| abiert[oa])?',
    ),
  },
  {
    category: 'cognition',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'que dia es(?: hoy)?',
      'en que (?:ano|mes) estamos',
      'en la punta de la lengua',
    ),
  },
  {
    category: 'daily-living',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      `${NO_PUEDO}~ (?:levantarme(?! (?:temprano|pronto|tarde|tan))|salir de (?:la cama|la banera|la ducha|casa)|vestirme|ducharme|banarme|lavarme|asearme|peinarme|afeitarme|abrocharme|subir (?:las|la) escaleras?|ponerme (?:de pie|los zapatos|los calcetines)|andar(?=[.,!]|$| sol[oa]| mas)|caminar(?=[.,!]|$| sol[oa]| mas)|cocinar|limpiar la casa|valerme|ir al bano|comer sol[oa])`,
      'me (?:he )?(?:orine|orinado|mojado) (?:en )?(?:la cama|encima)',
      'no me (?:ducho|bano|lavo) desde',
    ),
  },
  {
    category: 'home-trouble',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      '(?:calefaccion|caldera|calentador|luz|agua|nevera|estufa|ascensor)(?: se ha| esta| no| se)* (?:roto|rota|estropead[oa]|estropeo|funciona|rompio|averiad[oa])',
      '(?:sin|no (?:hay|tengo)) (?:luz|agua caliente|agua|calefaccion)(?=[.,!]|$| desde| en)',
      '(?:me muero de|hace mucho|paso|tengo mucho) frio en (?:casa|el piso|la habitacion)',
    ),
  },
  {
    category: 'nutrition',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      'no (?:he )?(?:comido|como|comi|cene|cenado|desayune|desayunado)(?: casi| hoy| apenas)*(?: nada| hoy| mucho| bien| desde| en todo| ayer|(?=[.,!]|$))',
      'apenas (?:como|he comido)',
      '(?:no tengo|sin|he perdido el|perdi el|poco) (?:hambre|apetito)',
      'no (?:me )?apetece (?:comer|nada|cocinar)',
      '(?:no (?:hay|tengo|queda) (?:nada (?:de|para) com(?:er|ida)|comida|nada)(?: que comer)?(?: en (?:la nevera|casa|el frigorifico))?)(?=[.,!]|$)',
      '(?:nevera|despensa) (?:esta )?vacia',
      '(?:he )?(?:perdido|perdiendo|pierdo) (?:mucho )?peso',
      'me salt(?:e|o) (?:la comida|la cena|el desayuno)',
    ),
  },
];

const HEART: readonly Rule[] = [
  {
    category: 'loss',
    severity: 'medium',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `(?:se (?:me )?)?(?:murio|ha muerto|fallecio|ha fallecido)(?: de [a-z]+)? ${QUERIDO}`,
      `${QUERIDO}(?: ya)?(?: se)? (?:murio|ha muerto|fallecio|ha fallecido)`,
      `(?:perdi|enterre|enterramos|he perdido) a mi~ (?:${FAMILIAR}|amig[oa]|perr[oa]|gat[oa])`,
      'soy viud[oa]',
      '(?:me quede|quede) viud[oa]',
      '(?:el|al|un) (?:funeral|entierro)',
    ),
  },
  {
    category: 'loneliness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|me encuentro|vivo)(?: muy| tan| mas| completamente)+ sol[oa]',
      'me siento(?: un poco)? (?:sol[oa]|abandonad[oa]|aislad[oa]|olvidad[oa])',
      '(?:la|mucha|esta) soledad',
      'estoy sol[oa](?=[.,!]|$| todo)',
    ),
  },
  {
    category: 'loneliness',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      '(?:nadie|no) (?:me (?:llama|visita|viene a ver|habla|escribe|quiere|hace caso|recuerda)(?: nadie| nunca)?|viene a verme|se acuerda de mi)(?: nadie)?',
      'no tengo (?:a nadie|amigos|con quien (?:hablar|charlar))',
      'no (?:veo|hablo con|he visto|he hablado con) (?:a )?nadie',
    ),
  },
  {
    category: 'emotion-negative',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|estaba|me encuentro|ando)(?: muy| tan| muchisimo)+ (?:triste|deprimid[oa]|preocupad[oa]|nervios[oa]|asustad[oa]|angustiad[oa]|enfadad[oa]|desanimad[oa]|agobiad[oa])',
      '(?:deprimid[oa]|desesperad[oa]|destrozad[oa]|aterrad[oa])',
      '(?:no paro de|no puedo dejar de|he estado) llorar?(?:ndo)?',
      '(?:estoy|estaba|llevo [a-z ]{1,20}) llorando',
      'me muero de (?:pena|miedo)',
      'tengo mucho miedo',
    ),
  },
  {
    category: 'emotion-negative',
    severity: 'low',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|estaba|me encuentro|ando)(?: un poco| algo| bastante)* (?:triste|preocupad[oa]|nervios[oa]|asustad[oa]|angustiad[oa]|enfadad[oa]|desanimad[oa]|agobiad[oa]|aburrid[oa])',
      'tengo miedo',
      '(?:le|la|lo|les|te) echo (?:mucho )?de menos',
      'echo de menos',
      '(?:le|la|lo) extrano',
    ),
  },
  {
    category: 'emotion-positive',
    severity: 'low',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|estaba|me he puesto|me puse)(?: muy| tan| super)* (?:content[oa]|feliz|alegre|encantad[oa]|ilusionad[oa]|orgullos[oa]|agradecid[oa]|animad[oa])',
      'que (?:alegria|ilusion)',
      'me alegr[oa](?: mucho)?',
      'tengo (?:muchas )?ganas de (?:ver|que)',
    ),
  },
];

const DAILY: readonly Rule[] = [
  {
    category: 'reminder-refused',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'no (?:me )?(?:la|las|lo|los) (?:quiero|voy a|pienso) (?:tomar|tomarme)',
      'no (?:quiero|voy a|pienso) tom(?:ar|arme)(?:l[oa]s?)?(?! (?:el (?:autobus|sol|tren)|cafe|nada))',
      'no me (?:la|las|lo) tomo',
      `no quiero (?:mas )?~ ${PASTILLAS}`,
    ),
  },
  {
    category: 'reminder-postponed',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      String.raw`(?<=^(?:no,? |bueno,? |pues,? |quiza |quizas )*)(?:mas tarde|luego|despues|ahora no|todavia no|aun no|en un rato|dentro de un rato)(?=[.,!]|$)`,
      '(?:me )?(?:la|las|lo) (?:tomo|tomare|hare|hago) (?:luego|mas tarde|despues|esta noche|manana)',
      'todavia no (?:me )?(?:la|las|lo) he tomado',
      'aun no (?:me )?(?:la|las|lo) he tomado',
    ),
  },
  {
    category: 'reminder-confirmed',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'ya (?:me )?(?:la|las|lo|los) (?:he tomado|tome)',
      `(?:ya )?(?<!no )(?:me )?(?:he tomado|tome)~ ${PASTILLAS}`,
      '(?<!no )me (?:la|las|lo) (?:he tomado|tome)',
    ),
  },
  {
    category: 'reminder-acknowledged',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      '(?<!no )me (?:la|las|lo) (?:tomo|voy a tomar) (?:ahora|ya|ahora mismo|enseguida)',
      '(?:ahora|enseguida|ahora mismo|ya)(?: mismo)? me (?:la|las|lo|los) (?:tomo|tomare)',
      '(?<!no )voy a tomarm?e?(?:la|las|lo) (?:ahora|ya|ahora mismo)',
    ),
  },
  {
    category: 'help-request',
    severity: 'low',
    denial: 'fact',
    pattern: phrases(
      '(?:me )?(?:puede|puedes|podria|podrias) (?:ayudarme|ayudar|llamar a mi|avisar a mi|decirle a mi)',
      'necesito(?: un poco de)? ayuda',
      'necesito que alguien',
      'no se que hacer',
    ),
  },
  {
    category: 'transport',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      '(?:necesito|no tengo) (?:que me (?:lleven|lleve)|como ir|quien me lleve)',
      'nadie (?:puede|me puede) llevar',
      'como (?:voy a ir|llego|voy) (?:al|a la)',
      '(?:ya )?no (?:puedo )?conduc(?:ir|zo)',
      'perdi el autobus',
    ),
  },
  {
    category: 'look-up',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'que tiempo (?:hace|hara|va a hacer)',
      '(?:va a|ira a) llover',
      'que (?:noticias|dicen las noticias)',
      'quien (?:gano|ha ganado)',
      'cuanto (?:cuesta|vale)',
      'a que hora (?:abre|cierra|empieza)',
    ),
  },
  {
    category: 'reminiscence',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'cuando (?:yo )?(?:era|eramos|tenia)~ (?:nin[oa]s?|joven(?:es)?|pequen[oa]s?|chic[oa]s?|anos)',
      '(?:recuerdo|me acuerdo)(?! si)',
      'en (?:aquellos tiempos|aquella epoca|mis tiempos|la guerra|los anos)',
      'de (?:nin[oa]|joven|pequen[oa])',
      'hace (?:muchos )?anos',
    ),
  },
  {
    category: 'family',
    severity: 'low',
    denial: 'asserted',
    pattern: phrases(`(?:mi|mis|nuestr[oa]s?) ${FAMILIAR}`),
  },
];

export const EVERYDAY_ES: readonly Rule[] = [...BODY, ...HEART, ...DAILY];
